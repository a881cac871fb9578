"""Reads the server's JSON answers into the types of the client.

An answer that does not come from this API, for example from a proxy, raises `ApiError` when it is
read, not a `KeyError` later.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from stepwell._documents import (
    Action,
    Event,
    HistoryEntry,
    Json,
    JsonObject,
    OpenPause,
    PauseSignal,
    RunError,
    RunLine,
    RunPage,
    RunStatus,
)
from stepwell._errors import ApiError
from stepwell._selection import BulkCount, BulkFailure, BulkPart
from stepwell._workflow_documents import Workflow, WorkflowSummary

A = TypeVar("A")
T = TypeVar("T")

_OK = 200


def _checked(read: Callable[[A], T]) -> Callable[[A], T]:
    @wraps(read)
    def checked(found: A) -> T:
        try:
            return read(found)
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            message = f"this is not an answer of the API ({type(wrong).__name__}: {wrong})"
            raise ApiError(_OK, {"error": "Unexpected answer", "message": message}) from wrong

    return checked


def anything(found: Json) -> Json:
    """Return any JSON answer unchanged."""
    return found


@_checked
def run_id(found: JsonObject) -> str:
    """Return the id of the run that was started."""
    return str(found["runId"])


@_checked
def file_id(found: JsonObject) -> str:
    """Return the id of a file that was uploaded."""
    return str(found["fileId"])


@_checked
def status_name(found: JsonObject) -> str:
    """Return only the status of a run."""
    return str(found["status"])


@_checked
def run_status(found: JsonObject) -> RunStatus:
    """Return the state of a run."""
    signal, error = found.get("pauseSignal"), found.get("error")
    signals = found.get("pauseSignals", () if signal is None else (signal,))
    return RunStatus(
        run_id=found["runId"],
        workflow_id=found["workflowId"],
        version=found["version"],
        status=found["status"],
        current_step_id=found.get("currentStepId"),
        pause=None if signal is None else pause_signal(signal),
        pauses=tuple(pause_signal(one) for one in signals),
        data=found["data"],
        history=tuple(history_entry(entry) for entry in found["stepExecutionHistory"]),
        history_cursor=found.get("historyCursor"),
        result=found.get("result"),
        error=None if error is None else run_error(error),
        reason=found.get("reason"),
        cancel_requested=bool(found.get("cancelRequested")),
        start_time=found["startTime"],
        end_time=found.get("endTime"),
        document=found,
    )


def pause_signal(found: JsonObject) -> PauseSignal:
    """Return what a run waits for."""
    return PauseSignal(
        type=found["type"],
        step_id=found.get("stepId"),
        action_id=found.get("actionId"),
        run_id=found.get("runId"),
        pause_id=found.get("pauseId"),
        message=found.get("message"),
        actions=tuple(
            Action(action["value"], action.get("label", action["value"]), action.get("fields", {}))
            for action in found.get("actions", ())
        ),
        fields=found.get("fields", {}),
        deadline=found.get("deadline"),
        document=found,
        body=found.get("body"),
        item=found.get("item"),
    )


def history_entry(found: JsonObject) -> HistoryEntry:
    """Return a visit of a step."""
    return HistoryEntry(
        step_id=found["stepId"],
        step_type=found["stepType"],
        status=found["status"],
        visit=found.get("visit", 1),
        attempt=found.get("attempt", 1),
        start_time=found["startTime"],
        end_time=found.get("endTime"),
        duration_ms=found.get("duration"),
        output=found.get("outputData"),
        error=found.get("error"),
        document=found,
    )


def run_error(found: JsonObject) -> RunError:
    """Return why a run failed."""
    return RunError(str(found["type"]), str(found["message"]), found.get("stepId"))


@_checked
def statistics(found: JsonObject) -> JsonObject:
    """Return the statistics of a workflow's runs."""
    return {**found, "runs": found["runs"], "steps": found["steps"]}


@_checked
def link(found: JsonObject) -> JsonObject:
    """Return a link that answers a pause."""
    return {**found, "url": found["url"], "expiresAt": found["expiresAt"]}


@_checked
def explanation(found: JsonObject) -> JsonObject:
    """Return where a value came from."""
    return {**found, "chain": found["chain"], "reached": found["reached"]}


@_checked
def run_page(found: JsonObject) -> RunPage:
    """Return a page of a list of runs."""
    return RunPage(tuple(run_line(line) for line in found["runs"]), found["nextCursor"])


def run_line(found: JsonObject) -> RunLine:
    """Return a run in a list."""
    return RunLine(
        run_id=found["runId"],
        workflow_id=found["workflowId"],
        version=found["version"],
        status=found["status"],
        current_step_id=found.get("currentStepId"),
        parent_run_id=found.get("parentRunId"),
        start_time=found["startTime"],
        document=found,
        title=found.get("title"),
        labels=found.get("labels", {}),
        body=found.get("body"),
        item=found.get("item"),
        error=run_error(found["error"]) if found.get("error") else None,
    )


@_checked
def open_pauses(found: JsonObject) -> tuple[list[OpenPause], str | None]:
    """Return a page of open pauses, and the cursor for the next page."""
    return [_open_pause(line) for line in found["pauses"]], found["nextCursor"]


def _open_pause(found: JsonObject) -> OpenPause:
    return OpenPause(
        run_id=found["runId"],
        workflow_id=found["workflowId"],
        title=found.get("title"),
        pause=None if found["pauseSignal"] is None else pause_signal(found["pauseSignal"]),
        seen=found["seen"],
        may_answer=found["mayAnswer"],
        since=found["since"],
        document=found,
    )


@_checked
def conversations(found: JsonObject) -> list[JsonObject]:
    """Return the conversations of a transcript."""
    visits: list[JsonObject] = found["visits"]
    return visits


@_checked
def event(text: str) -> Event:
    """Return the event of a message in a stream."""
    found = json.loads(text)
    return Event(
        position=int(found["position"]),
        type=found["type"],
        time=found["time"],
        run_id=found["runId"],
        step_id=found.get("stepId"),
        status=found.get("status"),
        document=found,
    )


@_checked
def bulk_part(found: JsonObject) -> BulkPart:
    """Return what one part of a command did."""
    return BulkPart(
        changed=found["changed"],
        skipped=found["skipped"],
        failed=found["failed"],
        failures=tuple(
            BulkFailure(failure["runId"], failure["message"]) for failure in found["failures"]
        ),
        next_cursor=found["nextCursor"],
        document=found,
    )


@_checked
def bulk_count(found: JsonObject) -> BulkCount:
    """Return how many runs a command would look at."""
    return BulkCount(found["matched"], found["cursor"], found)


@_checked
def workflow(found: JsonObject) -> Workflow:
    """Return a version of a workflow."""
    return cast("Workflow", _named(found))


@_checked
def workflows(found: list[JsonObject]) -> list[WorkflowSummary]:
    """Return a list of workflows."""
    return [cast("WorkflowSummary", _named(one)) for one in found]


@_checked
def variables(found: list[JsonObject]) -> dict[str, object]:
    """Return the values of variables by name."""
    return {str(one["name"]): one["value"] for one in found}


def _named(found: JsonObject) -> JsonObject:
    return {**found, "id": found["id"], "version": found["version"]}


@_checked
def budgets(found: JsonObject) -> list[JsonObject]:
    """Return the budgets that a server lists."""
    listed: list[JsonObject] = found["budgets"]
    return listed


@_checked
def document(found: JsonObject) -> JsonObject:
    """Return a JSON object."""
    return dict(found)


@_checked
def documents(found: object) -> list[JsonObject]:
    """Return a list of JSON objects."""
    return [dict(item) for item in cast("list[JsonObject]", found)]
