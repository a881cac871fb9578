"""A page of the audit log has the matching entries, and reads a bounded number, whatever the filter."""

from dataclasses import replace
from pathlib import Path

import pytest

from journal import AuditFilter, ChangeNote, KeyRow, changing
from journal.tables import audit_list
from tests.harness.appending import opened

DAY_MS = 86_400_000
TIMES = [number * 100_000_000 - (number % 5 == 4) * DAY_MS * 9 // 10 for number in range(25)]
"""When each entry was made; the clock was set back by most of a day again and again."""

WHO, ACTIONS = ("even", "odd"), ("createKey", "deleteKey", "rotateKey")


def key(number: int) -> KeyRow:
    return KeyRow(f"k{number}", f"prefix{number}", bytes(32), "acme", "owner", "", 0)


CASES = [
    (AuditFilter(), 3),
    (AuditFilter(who="even"), 2),
    (AuditFilter(who="nobody"), 1),
    (AuditFilter(action="createKey"), 1),
    (AuditFilter(who="odd", action="createKey"), 1),
    (AuditFilter(target="/t/2"), 3),
    (AuditFilter(who="odd", target="/t/2"), 2),
    (AuditFilter(since_ms=TIMES[20]), 1),
    (AuditFilter(since_ms=TIMES[19]), 1),
    (AuditFilter(since_ms=TIMES[5]), 3),
    (AuditFilter(until_ms=TIMES[3]), 1),
    (AuditFilter(until_ms=TIMES[4]), 1),
    (AuditFilter(since_ms=TIMES[9], until_ms=TIMES[14]), 1),
    (AuditFilter(who="even", until_ms=TIMES[3]), 1),
    (AuditFilter(action="deleteKey", since_ms=TIMES[20]), 1),
    (AuditFilter(who="even", action="rotateKey", since_ms=TIMES[4], until_ms=TIMES[9]), 1),
]
"""The filter, and how many pages of ten its entries take if ten are read for each."""


async def test_a_filter_takes_no_more_pages_than_what_is_read_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_list, "_MOST_LOOKED_AT", 10)
    async with opened(tmp_path) as journal:
        for number, at_ms in enumerate(TIMES):
            action = ACTIONS[number % 3]
            note = ChangeNote("acme", at_ms, WHO[number % 2], action, f"/t/{number}")
            with changing(note):
                await journal.keys.create(key(number))
        for wanted, pages in CASES:
            right = [
                f"/t/{number}"
                for number, at_ms in enumerate(TIMES)
                if wanted.who in (None, WHO[number % 2])
                and wanted.action in (None, ACTIONS[number % 3])
                and f"/t/{number}".startswith(wanted.target or "")
                and (wanted.since_ms or 0) <= at_ms < (wanted.until_ms or TIMES[-1] * 2)
            ]
            seen, asked, before = list[str](), 0, None
            while asked == 0 or before is not None:
                page = await journal.audit.page("acme", replace(wanted, before=before), 10)
                seen += [row.target for row in page.rows]
                before, asked = page.following, asked + 1
            assert seen == right[::-1], wanted
            assert asked == pages, wanted
            other = await journal.audit.page("other", wanted, 10)
            assert (list(other.rows), other.following) == ([], None)
