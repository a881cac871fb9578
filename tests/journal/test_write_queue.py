"""When writes exceed one transaction, tenants take turns."""

from collections import Counter

import pytest

from journal.writing.transaction import Task
from journal.writing.write_queue import WriteQueue


def write(tenant: str, number: int, rows: int = 1, characters: int = 0) -> Task:
    return Task(lambda _: number, lambda _: None, tenant, rows, characters)


def test_one_batch_takes_all_that_fits_and_keeps_each_tenants_order() -> None:
    queue = WriteQueue()
    items = [write("ab"[number % 2], number) for number in range(64)]
    for item in items:
        queue.add(item)
    batch = queue.take(0.0)
    assert not queue.lines
    queue.add(write("a", 1))
    queue.add(write("a", 2))
    queue.add(write("b", 1))
    assert [item.tenant for item in queue.take(0.0)] == ["b", "a", "a"], "few are told first"
    for tenant in "ab":
        mine = [item for item in items if item.tenant == tenant]
        assert [item for item in batch if item.tenant == tenant] == mine


def test_a_tenants_only_write_goes_with_the_next_batch_despite_a_backlog() -> None:
    queue = WriteQueue()
    for number in range(4_500):
        queue.add(write("big", number))
    queue.add(write("small", 1))
    assert Counter(item.tenant for item in queue.take(0.0)) == {"big": 63, "small": 1}
    taken = [len(queue.take(0.1 * number)) for number in range(13)]
    assert taken == [64] * 10 + [2_000, 1_797, 0], "short for a while, since others may come back"
    assert not queue.lines


def test_while_several_write_a_transaction_has_rows_for_as_long_as_the_flush_takes() -> None:
    def most_rows(flush_s: float) -> int:
        queue = WriteQueue()
        rows = 0
        for number in range(2_500):
            queue.add(write("big", number))
        for number in range(60):
            queue.quick_s = flush_s + rows * 0.00002
            queue.add(write("small", number))
            batch = queue.take(0.0)
            rows = len(batch)
            for item in batch:
                if item.tenant == "big":
                    queue.add(item)
        return rows

    assert most_rows(0.0001) == 64
    assert most_rows(0.01) == pytest.approx(500, rel=0.05)
    assert most_rows(0.2) == 2_000


def test_tenants_that_write_in_turns_share_too_but_not_with_the_server_itself() -> None:
    def is_shared_after(*tenants: str) -> bool:
        queue = WriteQueue()
        for tenant in tenants:
            queue.add(write(tenant, 1))
            queue.take(0.0)
        return queue.is_shared

    assert is_shared_after("big", "small")
    assert not is_shared_after("big", "", "big")


def test_a_batch_is_also_bounded_in_rows_and_characters() -> None:
    queue = WriteQueue()
    for number in range(30):
        queue.add(write("rows", number, rows=200))
        queue.add(write("long", number, characters=1_000_000))
    sizes = []
    while queue.lines:
        batch = queue.take(0.0)
        assert batch
        sizes.append((sum(i.rows for i in batch), sum(i.characters for i in batch)))
    assert all(rows <= 2_200 and characters <= 8_000_000 for rows, characters in sizes)
    assert sum(rows for rows, _ in sizes) == 30 * 201
