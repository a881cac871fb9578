"""The order of deliveries, in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.journal.test_outbox import (
    journal,
    test_a_redelivered_event_is_sent_before_later_events,
    test_all_failed_deliveries_are_sent_again_in_order,
    test_counts_of_webhooks_are_bounded,
    test_redelivery_makes_waiting_deliveries_due_at_once,
    test_redelivery_of_an_event_not_meant_for_the_webhook_is_refused,
)
