"""Who hears of which events: nobody misses one that he would have to know."""

from dataclasses import fields

import pytest

from app.execution.live.waiters import SETTLES
from app.execution.waking.timers import SETS_TIMER
from engine import EVENT_TYPES, TRANSITIONS, RunReleased, Status


def test_every_event_that_names_a_moment_to_come_is_heard_by_the_timers() -> None:
    named = {
        kind
        for kind in EVENT_TYPES
        if any(field.name.endswith("_ms") and field.name != "at_ms" for field in fields(kind))
    }
    assert named | {RunReleased} == SETS_TIMER  # what was due while it was held is due then


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RUNNING])
def test_every_event_after_which_nothing_runs_is_heard_by_those_who_wait(status: Status) -> None:
    leads_there = {
        kind
        for (before, kind), after in TRANSITIONS.items()
        if after.status is status and before.status is not status
    }
    assert leads_there <= SETTLES
