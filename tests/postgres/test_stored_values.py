"""Values that runs store for each other, in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.app.tools.test_stored_values import (
    place,
    test_a_repeated_call_changes_nothing_and_returns_the_same,
    test_a_store_is_bounded,
    test_a_value_is_gone_when_it_expires,
    test_a_value_is_put_read_replaced_and_deleted,
    test_concurrent_increments_all_count_and_one_is_first,
)
