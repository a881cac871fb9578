"""Guarantees of the journal, in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_journal import (
    journal,
    test_a_cancelled_append_does_not_affect_others,
    test_a_run_tree_is_stopped_from_its_topmost_selected_run,
    test_an_idempotency_key_outlives_its_run_until_it_expires,
    test_an_idempotency_key_starts_one_run,
    test_appended_events_are_there_after_reopening,
    test_events_of_other_tenants_are_not_read,
    test_many_appends_share_commits,
    test_one_conflict_among_many_appends_fails_alone,
)
