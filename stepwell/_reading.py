"""From the JSON of the server's answers to the types of the client."""

from stepwell._documents import (
    Action,
    Event,
    HistoryEntry,
    JsonObject,
    PauseSignal,
    RunError,
    RunLine,
    RunPage,
    RunStatus,
)
from stepwell._selection import BulkCount, BulkFailure, BulkPart


def run_status(found: JsonObject) -> RunStatus:
    """Return how a run stands."""
    signal, error = found.get("pauseSignal"), found.get("error")
    return RunStatus(
        run_id=found["runId"],
        workflow_id=found["workflowId"],
        version=found["version"],
        status=found["status"],
        current_step_id=found.get("currentStepId"),
        pause=pause_signal(signal) if signal else None,
        data=found["data"],
        history=tuple(history_entry(entry) for entry in found["stepExecutionHistory"]),
        result=found.get("result"),
        error=run_error(error) if error else None,
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
            Action(action["value"], action.get("label", action["value"]))
            for action in found.get("actions", ())
        ),
        fields=found.get("fields", {}),
        deadline=found.get("deadline"),
        document=found,
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


def run_page(found: JsonObject) -> RunPage:
    """Return a page of a list of runs."""
    return RunPage(tuple(run_line(line) for line in found["runs"]), found["nextCursor"])


def run_line(found: JsonObject) -> RunLine:
    """Return a run as lists have it."""
    return RunLine(
        run_id=found["runId"],
        workflow_id=found["workflowId"],
        version=found["version"],
        status=found["status"],
        current_step_id=found.get("currentStepId"),
        parent_run_id=found.get("parentRunId"),
        start_time=found["startTime"],
        document=found,
    )


def event(found: JsonObject) -> Event:
    """Return an event."""
    return Event(
        position=int(found["position"]),
        type=found["type"],
        time=found["time"],
        run_id=found["runId"],
        step_id=found.get("stepId"),
        status=found.get("status"),
        document=found,
    )


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


def bulk_count(found: JsonObject) -> BulkCount:
    """Return how many runs a command would look at."""
    return BulkCount(found["matched"], found["cursor"], found)
