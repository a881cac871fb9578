"""When writes exceed one transaction, tenants take turns."""

from collections import Counter

from journal.writing.gathered import Gathered
from journal.writing.transaction import Task


def write(tenant: str, number: int, rows: int = 1, characters: int = 0) -> Task:
    return Task(lambda _: number, lambda _: None, tenant, rows, characters)


def test_one_batch_takes_all_that_fits_and_keeps_each_tenants_order() -> None:
    gathered = Gathered()
    items = [write("ab"[number % 2], number) for number in range(2_000)]
    for item in items:
        gathered.add(item)
    batch = gathered.take()
    assert not gathered.lines
    gathered.add(write("a", 1))
    gathered.add(write("a", 2))
    gathered.add(write("b", 1))
    assert [item.tenant for item in gathered.take()] == ["b", "a", "a"], "few are told first"
    for tenant in "ab":
        mine = [item for item in items if item.tenant == tenant]
        assert [item for item in batch if item.tenant == tenant] == mine


def test_a_tenants_only_write_goes_with_the_next_batch_despite_a_backlog() -> None:
    gathered = Gathered()
    for number in range(4_500):
        gathered.add(write("big", number))
    gathered.add(write("small", 1))
    taken = [gathered.take() for _ in range(3)]
    assert [len(batch) for batch in taken] == [2_000, 2_000, 501]
    assert Counter(item.tenant for item in taken[0]) == {"big": 1_999, "small": 1}
    assert not gathered.lines
    gathered.add(write("big", 0))
    assert len(gathered.take()) == 1


def test_a_batch_is_also_bounded_in_rows_and_characters() -> None:
    gathered = Gathered()
    for number in range(30):
        gathered.add(write("rows", number, rows=200))
        gathered.add(write("long", number, characters=1_000_000))
    sizes = []
    while gathered.lines:
        batch = gathered.take()
        assert batch
        sizes.append((sum(i.rows for i in batch), sum(i.characters for i in batch)))
    assert all(rows <= 2_200 and characters <= 8_000_000 for rows, characters in sizes)
    assert sum(rows for rows, _ in sizes) == 30 * 201
