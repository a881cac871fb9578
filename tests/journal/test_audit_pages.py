"""A page of the audit log looks at a bounded part of it, whatever it is asked for."""

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
"""What is asked for, how many entries that are, and how many pages it takes."""


async def test_few_or_no_entries_are_found_in_parts(
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
