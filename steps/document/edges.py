"""Reads, compiles and checks the edges between steps."""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from pydantic import ValidationError

from engine import Edge, Json, Occasion
from engine.value import value
from steps.contract.step_type import MOST_PROBLEMS, Problem
from steps.document.compiled import CompiledStep
from steps.document.edge_condition import condition
from steps.document.problems import problems_of
from steps.document.reachability import closure, reachability_problems
from steps.document.shape import CommonStep, EdgeDocument
from steps.document.shape_hints import shape_hint
from steps.language.expression import ExpressionError
from steps.language.nearest import did_you_mean

NumberedEdges: TypeAlias = list[tuple[int, EdgeDocument]]
"""Edges with their indexes in the document; unreadable ones are left out."""

CompiledSteps: TypeAlias = dict[str, tuple[CommonStep, CompiledStep]]
_MOST = 5_000
_SHOWN = 130
_NAMELESS = "must be the id of a step"


@value(frozen=True, slots=True)
class Starts:
    """The steps that a run enters without an edge.

    Attributes:
        initial: The step with which it begins; empty if the document names it by no text, which is
            a problem of its own.
        on_error: The step of its `onError`.
        at_end: The step of its `finally`.
        of_body: Whether they belong to a body, which also ends after a step without outgoing edges.
    """

    initial: str
    on_error: str | None = None
    at_end: str | None = None
    of_body: bool = False

    @property
    def named(self) -> dict[str, str]:
        """The steps by the keys that name them."""
        named = {"initialStep": self.initial, "onError": self.on_error, "finally": self.at_end}
        return {key: step for key, step in named.items() if step}


def read_edges(written: Any) -> tuple[NumberedEdges, list[Problem]]:
    """Return the readable edges, and the problems of the others."""
    if not isinstance(written, list):
        hint = shape_hint("must be a list", "edges", written, [EdgeDocument])
        return [], [Problem("edges", f"must be a list{hint}")]
    if len(written) > _MOST:
        return [], [Problem("edges", f"there may be at most {_MOST} edges, not {len(written)}")]
    edges: NumberedEdges = []
    problems: list[Problem] = []
    for index, item in enumerate(written):
        try:
            edges.append((index, EdgeDocument.model_validate(item)))
        except ValidationError as invalid:
            problems += problems_of(invalid, EdgeDocument, prefix=f"edges[{index}]")
            if (edge := _without_unknown_keys(item)) is not None:
                edges.append((index, edge))
    return edges, problems


def _without_unknown_keys(item: Any) -> EdgeDocument | None:
    keys = {info.alias or name for name, info in EdgeDocument.model_fields.items()}
    try:
        return EdgeDocument.model_validate({key: item[key] for key in keys & item.keys()})
    except (ValidationError, AttributeError):
        return None


def compile_edges(
    written: NumberedEdges, given: Mapping[str, Json]
) -> tuple[dict[str, list[Edge]], list[Problem]]:
    """Return the edges of each step, and the problems of their conditions.

    Conditions may name `given` beside the scope of a run.
    """
    edges: dict[str, list[Edge]] = {}
    problems: list[Problem] = []
    for index, edge in written:
        try:
            holds = condition(edge.condition, given) if edge.condition is not None else None
        except ExpressionError as wrong:
            problems.append(Problem(f"edges[{index}].condition", str(wrong)))
            continue
        made = Edge(edge.target, Occasion(edge.on), holds, edge.condition)
        edges.setdefault(edge.source, []).append(made)
    return edges, problems


def leaves(steps: Collection[str], edges: NumberedEdges) -> set[str]:
    """Return the steps with which a body ends: those without outgoing edges."""
    return set(steps) - {edge.source for _, edge in edges if edge.on == "success"}


def edge_problems(
    starts: Starts,
    steps: list[dict[str, Any]],
    edges: NumberedEdges,
    compiled: CompiledSteps,
    *,
    are_all_read: bool,
) -> list[Problem]:
    """Find the problems of edges, and of the steps that a run enters without an edge.

    If some edges could not be read, reachability is not checked. A `finally` also ends after a step
    without outgoing edges.
    """
    places = {
        step["id"]: index
        for index, step in reversed(list(enumerate(steps)))
        if isinstance(step.get("id"), str) and step["id"]
    }
    problems: list[Problem] = []
    for key, step_id in starts.named.items():
        if step_id not in places:
            hint = did_you_mean(step_id, places)
            problems.append(Problem(key, f"there is no step {step_id[:_SHOWN]}{hint}"))
    defaults: dict[tuple[str, str], int] = {}
    for index, edge in edges:
        # A hint costs a search through all steps, so only reported problems get one.
        known = places if len(problems) < MOST_PROBLEMS else None
        problems += _unknown_steps(f"edges[{index}]", edge, places, known)
        problems += _useless(index, edge, compiled, defaults)
    is_whole = are_all_read and not problems and len(compiled) == len(places)
    problems += _deadline_problems(edges, compiled, places)
    if not is_whole or not starts.initial:
        return problems
    ends = {step_id for step_id, (_, step) in compiled.items() if step.type.ends}
    pairs = [(edge.source, edge.target) for _, edge in edges]
    at_end = closure([starts.at_end], pairs) if starts.at_end else set()
    problems += _finally_problems(starts, places, ends & at_end, at_end, pairs)
    ends |= leaves(places if starts.of_body else at_end, edges)
    return problems + reachability_problems(list(starts.named.values()), places, ends, pairs)


def _finally_problems(
    starts: Starts, places: dict[str, int], ends: set[str], at_end: set[str],
    pairs: list[tuple[str, str]],
) -> list[Problem]:  # fmt: skip
    """Find steps that run before and in `finally`, and ends where the ending is decided."""
    before = closure([starts.initial, starts.on_error or starts.initial], pairs)
    return [
        Problem(
            f"steps[{places[step]}]",
            f"step {step} is of `finally`, and reached before it too; it would run twice",
        )
        for step in sorted(at_end & before)
    ] + [
        Problem(
            f"steps[{places[step]}]",
            f"step {step} is of `finally`, after which the run ends as it would have; leave it "
            "out, the last step of `finally` needs no end-flow",
        )
        for step in sorted(ends)
    ]


def _unknown_steps(
    path: str, edge: EdgeDocument, places: dict[str, int], hints: Collection[str] | None
) -> list[Problem]:
    return [
        Problem(
            f"{path}.{key}",
            f"there is no step {name[:_SHOWN]}{_hint(name, hints)}" if name else _NAMELESS,
        )
        for key, name in (("from", edge.source), ("to", edge.target))
        if name not in places
    ]


def _useless(
    index: int,
    edge: EdgeDocument,
    compiled: CompiledSteps,
    defaults: dict[tuple[str, str], int],
) -> list[Problem]:
    """Find an edge that can never be taken; `defaults` holds edges without a condition so far."""
    problems = []
    path = f"edges[{index}]"
    step = compiled.get(edge.source)
    if step and step[1].type.ends:
        problems.append(Problem(f"{path}.from", f"step {edge.source} ends the run"))
    if (before := defaults.get((edge.source, edge.on))) is not None:
        message = (
            f"is never taken: edges[{before}] from {edge.source} has no condition; put it last"
        )
        problems.append(Problem(path, message))
    if edge.condition is None:
        defaults.setdefault((edge.source, edge.on), index)
    return problems


def _deadline_problems(
    edges: NumberedEdges, compiled: CompiledSteps, places: dict[str, int]
) -> list[Problem]:
    """Find deadlines without an `on: "timeout"` edge, and such edges without a deadline."""
    with_edge = {edge.source: i for i, edge in edges if edge.on == "timeout"}
    problems = []
    for step_id, (_, step) in compiled.items():
        has_deadline = getattr(step.settings, "deadline", None) is not None
        follows = getattr(step.settings, "onDeadline", "timeout")
        if has_deadline and follows != "timeout":
            if step_id in with_edge:
                message = f"is never taken: onDeadline of step {step_id} says what follows"
                problems.append(Problem(f"edges[{with_edge[step_id]}].on", message))
            continue
        if has_deadline and step_id not in with_edge:
            message = 'a deadline needs an edge with "on": "timeout" that says what happens then'
            problems.append(Problem(f"steps[{places[step_id]}].deadline", message))
        if step_id in with_edge and not has_deadline:
            message = f"step {step_id} has no deadline, so it never times out; set one"
            problems.append(Problem(f"edges[{with_edge[step_id]}].on", message))
    return problems


def _hint(name: str, known: Collection[str] | None) -> str:
    return did_you_mean(name, known) if known is not None else ""
