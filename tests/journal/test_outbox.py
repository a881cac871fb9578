"""The order of a run's deliveries, including redeliveries."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from journal import DeliveryAttempt, Journal, UnknownDelivery, WebhookRow
from journal.histories.event_pages import EventRow, KeptRow

KEPT = KeptRow(1, "RunCompleted", 1, "{}", b"")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    opened = await Journal.open(tmp_path)
    row = WebhookRow("wh", "acme", "", "http://x", ("*",), None, b"", 0, 1, 1)
    await opened.webhooks.create(row, 10)
    rows = [
        EventRow(n, run, n, "RunCompleted", 1, "w", "1.0.0", None, KEPT)
        for n, run in ((1, 7), (2, 7), (3, 7), (4, 8))
    ]
    await opened.outbox.take("wh", rows, 4, 100, 10)
    yield opened
    await opened.close()


async def due(journal: Journal, now_ms: int = 1_000) -> list[int]:
    return sorted(row.position for row in await journal.outbox.due("wh", now_ms, 10))


async def test_a_redelivered_event_is_sent_before_later_events(journal: Journal) -> None:
    outbox = journal.outbox
    await outbox.settle("wh", 1, DeliveryAttempt(200, "given_up", 500, "no"))
    assert await due(journal) == [2, 4]
    again = await outbox.redeliver("wh", 1, 300)
    assert (again.state, again.attempts, again.first_at_ms, again.next_at_ms) == (
        "pending", 0, None, 300,
    )  # fmt: skip
    assert await due(journal) == [1, 4]
    # The attempt for 2 that was in progress fails: it must wait for 1 all the same.
    await outbox.settle("wh", 2, DeliveryAttempt(400, "pending", 500, "no", 500))
    assert await due(journal) == [1, 4]
    await outbox.settle("wh", 1, DeliveryAttempt(500, "delivered", 200))
    assert await due(journal) == [2, 4]
    await outbox.settle("wh", 2, DeliveryAttempt(600, "delivered", 200))
    assert await due(journal) == [3, 4]


async def test_redelivery_makes_waiting_deliveries_due_at_once(journal: Journal) -> None:
    outbox = journal.outbox
    await outbox.settle("wh", 1, DeliveryAttempt(200, "pending", 500, "no", 9_000_000))
    await outbox.settle("wh", 4, DeliveryAttempt(200, "pending", 500, "no", 9_000_000))
    assert await due(journal) == []
    assert (await outbox.redeliver("wh", 2, 300)).next_at_ms is None
    assert await due(journal) == [1]
    assert await outbox.redeliver_failed("wh", 400) == 0
    assert await due(journal) == [1, 4]


async def test_all_failed_deliveries_are_sent_again_in_order(journal: Journal) -> None:
    outbox = journal.outbox
    for position in (1, 2, 4):
        await outbox.settle("wh", position, DeliveryAttempt(200, "given_up", None, "no"))
    await outbox.settle("wh", 3, DeliveryAttempt(200, "delivered", 200))
    assert await outbox.redeliver_failed("wh", 300) == 3
    assert await due(journal) == [1, 4]
    await outbox.settle("wh", 1, DeliveryAttempt(400, "delivered", 200))
    assert await due(journal) == [2, 4]


async def test_redelivery_of_an_event_not_meant_for_the_webhook_is_refused(
    journal: Journal,
) -> None:
    with pytest.raises(UnknownDelivery):
        await journal.outbox.redeliver("wh", 99, 300)
    with pytest.raises(UnknownDelivery):
        await journal.outbox.redeliver("other", 1, 300)


async def test_counts_of_webhooks_are_bounded(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = journal.outbox
    await outbox.settle("wh", 4, DeliveryAttempt(200, "given_up", 500, "no"))
    whole = {"pending": 3, "delivered": 0, "given_up": 1}
    assert await outbox.counts(["wh", "other"]) == {"wh": whole, "other": dict.fromkeys(whole, 0)}
    monkeypatch.setattr("journal.tables.deliveries.MOST_COUNTED", 2)
    assert await outbox.counts(["wh"]) == {"wh": {**whole, "pending": 2}}
    assert await outbox.pending("wh") == 3
