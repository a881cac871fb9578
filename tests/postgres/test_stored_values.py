"""Values that runs store for each other, in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.app.tools.test_stored_values import (
    place,
    test_a_call_that_is_made_again_changes_nothing_and_gives_the_same,
    test_a_store_has_its_bounds,
    test_a_value_is_gone_when_it_expires,
    test_a_value_is_put_read_replaced_and_deleted,
    test_of_many_at_once_each_counts_and_one_comes_first,
)
