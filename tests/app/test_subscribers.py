"""Subscribers of events receive every event that they depend on."""

from dataclasses import fields

import pytest

from app.execution.live.waiters import SETTLES
from app.execution.waking.timers import SETS_TIMER
from engine import EVENT_TYPES, TRANSITIONS, RunReleased, Status


def test_timers_receive_every_event_with_a_future_moment() -> None:
    named = {
        kind
        for kind in EVENT_TYPES
        if any(field.name.endswith("_ms") and field.name != "at_ms" for field in fields(kind))
    }
    assert named | {RunReleased} == SETS_TIMER  # timers that became due during a hold fire after it


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RUNNING])
def test_waiters_receive_every_event_that_stops_a_run(status: Status) -> None:
    leads_there = {
        kind
        for (before, kind), after in TRANSITIONS.items()
        if after.status is status and before.status is not status
    }
    assert leads_there <= SETTLES
