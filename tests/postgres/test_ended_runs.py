"""What is kept of runs that have ended, asked of the journal in PostgreSQL too."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_ended_runs import (
    test_a_deleted_run_is_gone_whoever_was_reading_it,
    test_a_run_that_goes_on_is_read_each_time,
    test_others_do_not_see_it,
)
