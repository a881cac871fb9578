"""Guarantees of the journal, in PostgreSQL."""

# ruff: noqa: F401, F811 - the tests and fixtures of another file, run here once more

import asyncio
import random

from journal import Journal
from tests.harness.histories import start_run
from tests.journal.test_journal import (
    _pair,
    journal,
    started,
    test_a_cancelled_append_does_not_affect_others,
    test_a_run_tree_is_stopped_from_its_topmost_selected_run,
    test_an_idempotency_key_outlives_its_run_until_it_expires,
    test_an_idempotency_key_starts_one_run,
    test_appended_events_are_there_after_reopening,
    test_events_of_other_tenants_are_not_read,
    test_many_appends_share_commits,
    test_one_conflict_among_many_appends_fails_alone,
)


async def test_one_value_that_is_too_long_for_an_index_fails_alone(journal: Journal) -> None:
    run, event = started(1)
    run.workflow_id = "".join(chr(random.randrange(0x4E00, 0x9FFF)) for _ in range(3_000))
    writes = [start_run(journal, "acme", run, [event])]
    writes += [start_run(journal, "acme", *_pair(number)) for number in range(2, 10)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert [type(failure) for failure in failed] == [ValueError]
    assert journal.health.trouble is None
