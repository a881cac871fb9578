"""An index over a run's history: who wrote what, and when."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.secrets.sensitive import shown_data
from engine import (
    DataChanged,
    Event,
    Json,
    JsonObject,
    RunCompleted,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepFailed,
    StepSkipped,
    StepStarted,
)
from engine.value import value

Writer: TypeAlias = Literal["input", "step", "person", "earlierRun"]


@value(frozen=True, slots=True)
class Written:
    """One event that wrote something.

    Attributes:
        seq: Its number in the history.
        writer: What wrote: the start of the run, a step, a person, or an earlier run.
        data: The fields of the run's data that it wrote, as people see them.
        names: Their names, and those of lists that it extended or removed items from.
        output: The whole output of the step.
        entered: The number of the event with which the step was entered, 0 for none.
        by: The person, if a person wrote it.
        is_skipped: Whether a person gave the output instead of the step.
    """

    seq: int
    at_ms: int
    writer: Writer
    data: JsonObject
    names: tuple[str, ...]
    output: Json = None
    step_id: str = ""
    step_type: str = ""
    step_name: str | None = None
    visit: int = 0
    entered: int = 0
    by: str = ""
    reason: str | None = None
    run_id: str = ""
    is_skipped: bool = False


@value(frozen=True, slots=True)
class _Answer:
    """Who answered a step, or skipped it."""

    by: str = ""
    reason: str | None = None
    is_skip: bool = False


_NOBODY = _Answer()


@dataclass(slots=True)
class Origins:
    """Everything that was written, in the order of the history.

    Attributes:
        written: The events that wrote, by their numbers.
        data: For each field of the data, the numbers of the events that wrote it.
        outputs: For each step, the numbers of the events with which it completed.
        failures: The numbers of the events with which steps failed, and their steps.
        visits: Each visit that began: step, visit, and the number of the event.
        result: The number of the event with which the run completed, and its result.
        earlier: The outputs of earlier runs that this one continues.
        length: How many events there are.
    """

    written: dict[int, Written] = field(default_factory=dict)
    data: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    failures: list[tuple[int, str]] = field(default_factory=list)
    visits: list[tuple[str, int, int]] = field(default_factory=list)
    result: tuple[int, Json] | None = None
    earlier: JsonObject = field(default_factory=dict)
    length: int = 0

    def of_data(self, name: str, before: int) -> Written | None:
        """Return the last event before a given one that wrote a field of the data."""
        return self._last(self.data.get(name, []), before)

    def of_output(self, step_id: str, before: int) -> Written | None:
        """Return the completion of a step that is current before a given event."""
        return self._last(self.outputs.get(step_id, []), before)

    def last_step(self) -> Written | None:
        """Return the completion with which the run ended."""
        steps = [one for one in self.written.values() if one.step_id]
        return steps[-1] if steps else None

    def failed_before(self, before: int) -> str | None:
        """Return the step that failed last before a given event."""
        return next((step for seq, step in reversed(self.failures) if seq < before), None)

    def _last(self, seqs: Sequence[int], before: int) -> Written | None:
        at = bisect_left(seqs, before)
        return self.written[seqs[at - 1]] if at else None


def origins_of(events: Sequence[Event]) -> Origins:
    """Return who wrote what in a history."""
    found = Origins(length=len(events))
    entered: StepStarted | None = None
    entered_at = 0
    answer = _NOBODY
    for seq, event in enumerate(events, 1):
        match event:
            case RunStarted():
                _note_start(found, seq, event)
            case StepStarted() if event.attempt == 1:
                entered, entered_at, answer = event, seq, _NOBODY
                found.visits.append((event.step_id, event.visit, seq))
            case RunResumed():
                answer = _Answer(event.caller)
            case StepSkipped():
                answer = _Answer(event.caller, event.reason, is_skip=True)
            case DataChanged():
                names = tuple(str(name) for name in (*event.data, *event.removed))
                shown = shown_data(event.data)
                written = Written(
                    seq, event.at_ms, "person", shown, names, by=event.caller, reason=event.reason
                )
                _note(found, written)
            case StepCompleted() if entered is not None:
                _note_step(found, seq, event, (entered, entered_at), answer)
            case StepFailed():
                found.failures.append((seq, event.step_id))
            case RunCompleted():
                found.result = (seq, event.result)
            case _:
                pass
    return found


def _note_start(found: Origins, seq: int, event: RunStarted) -> None:
    writer: Writer = "input" if event.origin is None else "earlierRun"
    run_id = "" if event.origin is None else event.origin.run_id
    written = Written(
        seq, event.at_ms, writer, shown_data(event.whole_data), tuple(event.whole_data),
        by=event.caller, run_id=run_id,
    )  # fmt: skip
    _note(found, written)
    found.earlier = dict(event.outputs)


def _note_step(
    found: Origins,
    seq: int,
    event: StepCompleted,
    entered: tuple[StepStarted, int],
    answer: _Answer,
) -> None:
    start, entered_at = entered
    names = (*event.data, *event.appended, *event.removed)
    _note(found, Written(
        seq, event.at_ms, "step", shown_data(event.data), names, event.output,
        event.step_id, start.step_type, start.step_name, event.visit, entered_at,
        answer.by, answer.reason, is_skipped=answer.is_skip,
    ))  # fmt: skip
    found.outputs[event.step_id].append(seq)


def _note(found: Origins, written: Written) -> None:
    found.written[written.seq] = written
    for name in dict.fromkeys(written.names):
        found.data[name].append(written.seq)
