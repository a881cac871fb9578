"""The requests that client calls make, for arguments that may be given in several forms."""

from datetime import UTC, datetime

import pytest

from stepwell import _calls as calls
from stepwell.client import RunFilter


@pytest.mark.parametrize("names", ["run.completed,run.failed", ["run.completed", "run.failed"]])
def test_event_types_are_a_string_or_a_list(names: str | list[str]) -> None:
    query = calls.events_query("start", names, None, "asking", None)
    assert query == {"from": "start", "type": "run.completed,run.failed", "workflowId": "asking"}
    assert calls.events_query("now", None, names, None, "run-1") == {
        "from": "now", "status": "run.completed,run.failed", "parentRunId": "run-1",
    }  # fmt: skip


def test_a_time_is_a_string_or_a_datetime() -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    which = RunFilter("paused", "asking", "run-1", since=moment, until="2026-02-01T00:00:00Z")
    assert calls.runs(which, 10, "5").query == {
        "status": "paused", "workflowId": "asking", "parentRunId": "run-1", "limit": "10", "cursor": "5",
        "since": "2026-01-31T12:00:00+00:00", "until": "2026-02-01T00:00:00Z",
    }  # fmt: skip
    assert calls.runs(RunFilter(), None, None).query == {}


def test_a_bulk_command_always_sends_its_filter() -> None:
    which = RunFilter(workflow_id="asking")
    assert calls.bulk("cancel", which, ("run-1",), reason="over", limit=5, cursor="9").json == {
        "action": "cancel", "filter": {"workflowId": "asking", "runIds": ["run-1"]},
        "reason": "over", "limit": 5, "cursor": "9",
    }  # fmt: skip
    assert calls.bulk("delete", RunFilter(), None, dry_run=True).json == {
        "action": "delete", "filter": {}, "dryRun": True,
    }  # fmt: skip
