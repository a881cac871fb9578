"""The names that expressions of a run may use."""

from typing import Any

import pytest

from engine import (
    AttemptFailed,
    RunStarted,
    StepCompleted,
    StepError,
    StepFailed,
    StepRecorded,
    StepStarted,
    fold,
)
from engine.scope import RunScope, scope

CHILD = StepError("Declined", "no money", child_run_id="dynamic-workflow-2", child_step_id="pay")


def test_now_is_the_start_of_the_attempt() -> None:
    began = (
        RunStarted(0, "dynamic-workflow-1", "flow", "1.0.0", "get", {}),
        StepStarted(1_000, "get", 1, 1, "call-api", None),
        StepRecorded(2_000, "get", 1, "page-1", 1),
    )
    again = (*began, AttemptFailed(3_000, "get", 1, 1, CHILD, 4_000))
    second = (*again, StepStarted(4_000, "get", 1, 2, "call-api", None))
    assert [scope(fold(events))["now"] for events in (began, second)] == [1_000, 4_000]
    left = (*second, StepCompleted(9_000, "get", 1, 1, {}, "end"))
    assert scope(fold(left))["now"] == 9_000, "an edge is chosen at the moment the step has ended"


@pytest.mark.parametrize(
    ("error", "more"),
    [
        (StepError("HttpStatus", "the answer has status 500"), {}),
        (
            CHILD,
            {
                "runId": "dynamic-workflow-2",
                "childRunId": "dynamic-workflow-2",
                "childStepId": "pay",
                "childType": CHILD.type,
                "childMessage": CHILD.message,
            },
        ),
        (
            StepError(
                "NotEnough",
                "1 of 2",
                child_run_id="dynamic-workflow-2",
                child_type="Busy",
                child_message="no",
            ),
            {
                "runId": "dynamic-workflow-2",
                "childRunId": "dynamic-workflow-2",
                "childStepId": None,
                "childType": "Busy",
                "childMessage": "no",
            },
        ),
        (
            StepError("HttpStatus", "no", status=409, body={"n": 1}),
            {"status": 409, "body": {"n": 1}},
        ),
    ],
)
def test_an_error_names_its_step_and_child_run(error: StepError, more: dict[str, Any]) -> None:
    run = fold(
        [
            RunStarted(0, "dynamic-workflow-1", "flow", "1.0.0", "get", {}),
            StepStarted(1, "get", 1, 1, "call-api", None),
            StepFailed(2, "get", 1, error, "clean"),
            StepStarted(3, "clean", 1, 1, "wait", "Clean up"),
        ]
    )
    assert scope(run)["error"] == {
        "type": error.type, "message": error.message, "stepId": "get", "stepName": "get", "attempts": 1, **more,
    }  # fmt: skip


def test_the_scope_of_an_attempt_has_the_data_from_its_start() -> None:
    run = fold(
        (
            RunStarted(0, "dynamic-workflow-1", "flow", "1.0.0", "get", {"n": 1}),
            StepStarted(1, "get", 1, 1, "call-api", None),
            StepCompleted(2, "get", 1, {"n": 2}, {"n": 2}, "put"),
            StepStarted(3, "put", 1, 1, "call-api", None),
        )
    )
    expected = scope(run)
    names = RunScope(run)
    run.data = {**run.data, "n": 3}
    assert dict(names) == expected
    assert {**names, "more": 1} == {**expected, "more": 1}
    assert "error" not in names
    assert names["steps"] is names["steps"], "it is put together once"
