"""The page `docs/runs.md`: the states of a run, drawn from the table of transitions."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from inspect import getdoc

from engine import EVENT_TYPES, TRANSITIONS, Event, State

LIVE: list[State] = [
    state for state in State if state is not State.NEW and not state.status.is_over
]
IN_STEP: list[State] = [state for state in LIVE if state not in (State.QUEUED, State.READY)]
GROUPS: Mapping[str, list[State]] = {"live": LIVE, "in_step": IN_STEP}
"""Boxes of the diagram: an arrow from a box means one from each of its states."""

_STATES = {
    State.NEW: "before its first event",
    State.QUEUED: "queued for a place, because of `concurrency` of its workflow",
    State.READY: "between two steps",
    State.EXECUTING: "in a step that is executed",
    State.BACKING_OFF: "in a step whose attempt failed, until the next one is due",
    State.SLEEPING: "in a step that waits for a moment",
    State.AWAITING_CHILDREN: "in a step that waits for child runs",
    State.STOPPING_CHILDREN: "in a step that stops its child runs, until they have stopped",
    State.PAUSED: "in a step that waits for a person",
    State.COMPLETED: "over: it reached an end",
    State.FAILED: "over: an error that no edge caught",
    State.CANCELLED: "over: it was cancelled",
    State.TERMINATED: "over: it was ended at once",
}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# The states of a run\n"
    yield "A run is in one state at a time. The table `TRANSITIONS` in"
    yield "[engine/transitions.py](../engine/transitions.py) says to which state each event moves"
    yield "it; this page is made from it (`make reference`). An event that the table does not list"
    yield "for a state is an error. An arrow from a box means one from each state in it."
    kept = ", ".join(f"`{event.__name__}`" for event in EVENT_TYPES if stays_live(event))
    yield f"Not drawn: {kept}, which change no state that is not over."
    yield "A run that a person puts on hold stays `ready`, `backing_off` or `sleeping`; lists of"
    yield "runs show it as held.\n"
    yield "```mermaid\n" + "\n".join(diagram()) + "\n```\n"
    yield "| state | the run is | `status` |\n| --- | --- | --- |"
    for state in State:
        shown = "" if state is State.NEW else f"`{state.status}`"
        yield f"| `{state}` | {_STATES[state]} | {shown} |"
    yield "\n## Events\n"
    yield "| event | meaning | from | to |\n| --- | --- | --- | --- |"
    for event in EVENT_TYPES:
        yield _event_row(event)


def diagram() -> Iterator[str]:
    """Yield the lines of the diagram in Mermaid's syntax."""
    yield "stateDiagram-v2"
    yield "    state live {"
    yield f"        {State.QUEUED}"
    yield f"        {State.READY}"
    yield "        state in_step {"
    yield from (f"            {state}" for state in IN_STEP)
    yield "        }"
    yield "    }"
    labels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in EVENT_TYPES:
        for source, target in [] if stays_live(event) else arrows(event):
            labels[source, target].append(event.__name__)
    for (source, target), names in labels.items():
        yield f"    {source} --> {target} : {', '.join(names)}"
    yield from (f"    {state} --> [*]" for state in State if state.status.is_over)


def arrows(event: type[Event]) -> list[tuple[str, str]]:
    """Return the arrows of an event, with those of all states of a box as one."""
    moves = moves_of(event)
    found = []
    for name, states in GROUPS.items():
        targets = {moves.get(state) for state in states}
        if len(targets) == 1 and None not in targets:
            found.append((name, str(targets.pop())))
            moves = {source: target for source, target in moves.items() if source not in states}
    return found + [("[*]" if a is State.NEW else str(a), str(b)) for a, b in moves.items()]


def moves_of(event: type[Event]) -> dict[State, State]:
    """Return the state after an event by the state before it."""
    return {source: target for (source, kind), target in TRANSITIONS.items() if kind is event}


def stays_live(event: type[Event]) -> bool:
    """Return whether an event changes no state of a run that has not ended."""
    return moves_of(event) == {state: state for state in LIVE}


def _event_row(event: type[Event]) -> str:
    meaning = " ".join((getdoc(event) or "").split("\n\n")[0].split())
    moves = moves_of(event)
    stays = all(source is target for source, target in moves.items())
    targets = "the same" if stays else _listed(dict.fromkeys(moves.values()))
    return f"| `{event.__name__}` | {meaning} | {_sources(moves)} | {targets} |"


def _sources(moves: Collection[State]) -> str:
    whole = {frozenset(LIVE): "each that is not over", frozenset(IN_STEP): "each inside a step"}
    return whole.get(frozenset(moves)) or _listed(moves)


def _listed(states: Collection[State]) -> str:
    return ", ".join(f"`{state}`" for state in states)
