"""Signals to a server whose journal is in PostgreSQL: each is taken once."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.triggers.test_signals import (
    client,
    test_a_signal_id_counts_once,
    test_a_signal_to_all_reaches_only_the_runs_that_wait_now,
    test_signals_sent_before_the_wait_are_stored_and_taken_in_order,
    test_the_run_that_has_waited_longest_gets_the_signal,
)
