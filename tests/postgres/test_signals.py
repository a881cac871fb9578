"""Signals to a server whose journal is in PostgreSQL: each is taken once."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.triggers.test_signals import (
    client,
    test_a_signal_that_comes_first_is_kept_and_taken_in_order,
    test_all_that_wait_now_get_it_and_none_that_come_later,
    test_one_id_counts_once,
    test_the_run_that_has_waited_longest_comes_first,
)
