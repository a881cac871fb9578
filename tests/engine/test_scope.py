"""What expressions may name of a run."""

import pytest

from engine import RunStarted, StepError, StepFailed, StepStarted, fold
from engine.scope import scope

CHILD = StepError("Declined", "no money", child_run_id="dynamic-workflow-2", child_step_id="pay")


@pytest.mark.parametrize(
    ("error", "more"),
    [
        (StepError("HttpStatus", "the answer has status 500"), {}),
        (CHILD, {"childRunId": "dynamic-workflow-2", "childStepId": "pay"}),
    ],
)
def test_an_error_names_the_step_and_the_child_run_it_came_from(
    error: StepError, more: dict[str, str]
) -> None:
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
