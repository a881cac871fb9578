"""The names that expressions may use: a run as its definition sees it."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from engine.iso import iso_time
from engine.run import Run
from engine.values import CarriedVisit, Ending, Json, JsonObject, StepError
from engine.visit import Visit, VisitStatus

_ABSENT = object()


def scope(run: Run) -> Mapping[str, Json]:
    """Return the names in scope for conditions and templates.

    `data`, `steps["id"].output`, `context`, `vars`, `run` and `startedBy` are always in scope.
    `error` is in scope after an `on: "error"` edge was taken or `onError` entered, until the step
    that had failed has succeeded. `outcome` is in scope in `finally` and says how the run ends
    after it. `now`, which only `now()` reads, is when the attempt began, or after a step when that
    step ended; a replay gets the same value.
    """
    visit = run.current
    if visit is None:
        now_ms = run.updated_at_ms
    elif visit.attempted_at_ms is None:
        now_ms = visit.started_at_ms
    else:
        now_ms = visit.attempted_at_ms
    names: dict[str, Json] = {
        "data": run.data,
        "steps": {step_id: {"output": output} for step_id, output in run.outputs.items()},
        "context": run.context,
        "vars": run.vars,
        "startedBy": run.caller,
        "run": {
            "id": run.id,
            "workflowId": run.workflow_id,
            "version": run.version,
            "startedAt": run.started_text or _started_text(run),
        },
        "now": now_ms,
    }
    if run.last_error:
        names["error"] = _error(run, run.last_error)
    if run.ending:
        names["outcome"] = _outcome(run.ending)
    return names


class RunScope(Mapping[str, Json]):
    """The scope of a run, put together when more than the data is read.

    Most tools read none of it and most expressions little, but all outputs so far are in it.
    """

    __slots__ = ("_is_whole", "_names", "_run")

    def __init__(self, run: Run) -> None:
        """Take the run as it is now; nothing else of it but the data changes while this is used."""
        self._run = run
        self._names: dict[str, Json] = {"data": run.data}
        self._is_whole = False

    def whole(self) -> dict[str, Json]:
        """Return all names, not to be changed."""
        if not self._is_whole:
            self._names = {**scope(self._run), **self._names}
            self._is_whole = True
        return self._names

    def beside(self, names: Mapping[str, Json]) -> "RunScope":
        """Return this scope with more names, which hide those that are the same."""
        more = RunScope(self._run)
        more._names = {**self._names, **names}
        more._is_whole = self._is_whole
        return more

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value, or `default` if there is none of that name."""
        found = self._names.get(name, _ABSENT)
        if found is _ABSENT and not self._is_whole:
            found = self.whole().get(name, _ABSENT)
        return default if found is _ABSENT else found

    def __getitem__(self, name: str) -> Json:
        return self._names[name] if name in self._names else self.whole()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())


def scope_with(names: Mapping[str, Json], more: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return a scope with more names, which hide those that are the same."""
    return names.beside(more) if isinstance(names, RunScope) else {**names, **more}


def _started_text(run: Run) -> str:
    run.started_text = iso_time(run.started_at_ms)
    return run.started_text


def _outcome(ending: Ending) -> JsonObject:
    error = ending.error
    shown: JsonObject = {}
    if error:
        shown = {"type": error.type, "message": error.message, "stepId": error.step_id}
        shown |= _answer(error.status, error.body)
    return {"status": ending.status, "result": ending.result, "error": shown or None}


def _answer(status: int | None, body: Json) -> JsonObject:
    return {} if status is None else {"status": status, "body": body}


def _error(run: Run, error: StepError) -> Json:
    """Return an error with the step that failed, the response it received, and the child run."""
    shown: JsonObject = {"type": error.type, "message": error.message}
    shown |= _answer(error.status, error.body)
    if failed := _failed(run, error):
        shown |= {
            "stepId": failed.step_id,
            "stepName": failed.step_name or failed.step_id,
            "attempts": failed.attempt,
        }
    if error.child_run_id is not None:
        shown |= {
            "runId": error.child_run_id,
            "childRunId": error.child_run_id,
            "childStepId": error.child_step_id,
            "childType": error.child_type or error.type,
            "childMessage": error.child_message or error.message,
        }
    return shown


def _failed(run: Run, error: StepError) -> Visit | CarriedVisit | None:
    """Return the visit that failed with an error, or during which the error occurred."""
    visits: Iterator[Visit | CarriedVisit] = chain(reversed(run.past), reversed(run.carried))
    met: Visit | CarriedVisit | None = None
    for visit in visits:
        if visit.status == VisitStatus.FAILED and visit.error == error:
            return visit
        if met is None and visit.step_id == run.failed_in:
            met = visit
    return met
