"""The order of deliveries, asked of the journal in PostgreSQL too."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_outbox import (
    journal,
    test_all_that_was_given_up_goes_again_in_order,
    test_an_event_that_is_sent_again_goes_before_those_after_it,
    test_what_a_webhook_was_not_to_be_told_of_is_unknown,
    test_what_waits_to_be_tried_again_is_due_at_once,
)
