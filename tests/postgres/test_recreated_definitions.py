"""Definitions created again after a deletion, in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_recreated_definitions import (
    test_open_runs_protect_their_workflow_but_not_an_agent_of_the_same_id,
    test_version_numbers_of_a_deleted_definition_are_not_reused,
)
