"""Answers that do not have the form of the API raise an ApiError, whatever they contain."""

from collections.abc import Callable
from typing import Any

import pytest

from stepwell import _reading as reading
from stepwell.client import ApiError

RUN = {"runId": "run-1", "workflowId": "w", "version": "1.0.0", "status": "paused", "data": {},
       "stepExecutionHistory": [], "startTime": "2026-01-01T00:00:00Z"}  # fmt: skip
READERS = [
    reading.run_id, reading.status_name, reading.run_status, reading.run_page, reading.event,
    reading.bulk_part, reading.bulk_count, reading.workflow, reading.workflows,
]  # fmt: skip


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize(
    "found", [None, True, 5, [5], "text", {"runs": 5}, {"runs": [{}], "nextCursor": None}], ids=str
)
def test_an_answer_of_another_form_raises_an_api_error(
    read: Callable[[Any], object], found: object
) -> None:
    with pytest.raises(ApiError, match="Unexpected answer: this is not an answer of the API"):
        read(found)


@pytest.mark.parametrize(
    "wrong",
    [{"pauseSignal": {}}, {"pauseSignal": "ask"}, {"error": [1]}, {"stepExecutionHistory": None},
     {"stepExecutionHistory": [{"stepId": "a"}]}, {"pauseSignal": {"type": "t", "actions": [{}]}}],
    ids=str,
)  # fmt: skip
def test_nested_parts_of_a_status_are_checked(wrong: dict[str, Any]) -> None:
    assert reading.run_status(RUN).run_id == "run-1"
    with pytest.raises(ApiError, match="Unexpected answer"):
        reading.run_status({**RUN, **wrong})


def test_fields_added_by_a_newer_server_are_kept() -> None:
    run = {
        **RUN,
        "mood": "fine",
        "pauseSignal": {"type": "new", "stepId": "a", "pauseId": "run-1:4"},
    }
    status = reading.run_status(run)
    assert status.document["mood"] == "fine"
    assert status.pause is not None
    assert (status.pause.type, status.pause.pause_id, status.pause.actions) == (
        "new",
        "run-1:4",
        (),
    )
    made = reading.workflow({"id": "w", "version": "1.0.0", "colour": "red"})
    assert made["colour"] == "red"  # type: ignore[typeddict-item] # a key that the type does not know
