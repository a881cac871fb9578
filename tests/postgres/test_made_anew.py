"""What definitions that were deleted leave, asked of the journal in PostgreSQL too."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_made_anew import (
    test_open_runs_keep_their_workflow_and_no_agent_of_its_name,
    test_version_numbers_of_what_was_deleted_are_not_used_again,
)
