"""What is promised of a journal, asked of the journal in PostgreSQL too."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_journal import (
    journal,
    test_a_family_is_stopped_from_the_highest_run_that_is_meant,
    test_a_key_outlives_its_run_until_it_is_old,
    test_a_key_starts_one_run,
    test_a_waiter_that_goes_away_harms_nobody,
    test_many_appends_share_commits,
    test_one_conflict_among_many_appends_fails_alone,
    test_what_is_another_tenants_is_not_read,
    test_what_was_appended_is_there_after_reopening,
)
