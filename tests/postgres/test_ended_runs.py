"""The cache of ended runs, in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_ended_runs import (
    test_a_deleted_run_is_not_cached_by_concurrent_reads,
    test_a_run_that_has_not_ended_is_not_cached,
    test_another_tenant_does_not_see_a_cached_run,
)
