"""Each page of the audit log reads a bounded number of entries, whatever the filter."""

from dataclasses import replace
from pathlib import Path

import pytest

from journal import AuditFilter, ChangeNote, KeyRow, changing
from journal.tables import audit_list
from tests.harness.appending import opened


def key(number: int) -> KeyRow:
    return KeyRow(f"k{number}", f"prefix{number}", bytes(32), "acme", "owner", "", 0)


CASES = [
    (AuditFilter(), 25, 3),
    (AuditFilter(who="even"), 13, 3),
    (AuditFilter(who="nobody"), 0, 3),
    (AuditFilter(target="/t/2"), 6, 3),
    (AuditFilter(since_ms=20 * 100_000_000), 5, 1),
    (AuditFilter(since_ms=5 * 100_000_000), 20, 3),
    (AuditFilter(until_ms=3 * 100_000_000), 3, 3),
]
"""The filter, how many entries match it, and how many pages they take."""


async def test_a_filter_with_few_matches_takes_several_bounded_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_list, "_MOST_LOOKED_AT", 10)
    async with opened(tmp_path) as journal:
        for number in range(25):
            who = ("even", "odd")[number % 2]
            note = ChangeNote("acme", number * 100_000_000, who, "createKey", f"/t/{number}")
            with changing(note):
                await journal.keys.create(key(number))
        for wanted, found, pages in CASES:
            seen, asked, before = list[str](), 0, None
            while asked == 0 or before is not None:
                page = await journal.audit.page("acme", replace(wanted, before=before), 10)
                seen += [row.target for row in page.rows]
                before, asked = page.following, asked + 1
            assert len(set(seen)) == len(seen) == found
            assert asked == pages
            other = await journal.audit.page("other", wanted, 10)
            assert (list(other.rows), other.following) == ([], None)
