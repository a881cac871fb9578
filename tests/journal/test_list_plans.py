"""No list of what grows reads a table from end to end, or sorts more than it shows."""

import re
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from journal import AuditFilter, DefinitionFilter, Journal
from journal.connection import Values
from journal.reading.readers import Readers
from tests.harness.appending import opened

Ask = Callable[[Journal], Awaitable[Any]]

BROUGHT = re.compile(r"SCAN (CONSTANT ROW|(asked|json_each) VIRTUAL TABLE|states$|found$)")
"""What a statement itself brings, such as the ids of a page, and what a limit has left."""

AUDIT = [
    AuditFilter(who, action, target, since_ms, until_ms, before)
    for who, action, target, since_ms, until_ms, before in product(
        (None, "key:a"), (None, "createKey"), (None, "/api/"), (None, 1), (None, 9), (None, 7)
    )
]
LISTS: dict[str, Ask] = {
    "audit, last": lambda journal: journal.audit.last_position(),
    "deliveries": lambda journal: journal.outbox.page("wh", None, None, 26),
    "deliveries, next": lambda journal: journal.outbox.page("wh", None, 7, 26),
    "deliveries of a state": lambda journal: journal.outbox.page("wh", "given_up", None, 26),
    "deliveries of a state, next": lambda journal: journal.outbox.page("wh", "pending", 7, 26),
    "deliveries that are due": lambda journal: journal.outbox.due("wh", 9, 20),
    "the next delivery": lambda journal: journal.outbox.next_due_ms("wh", 9),
    "deliveries, counted": lambda journal: journal.outbox.counts(["wh", "other"]),
    "failing webhooks": lambda journal: journal.outbox.failing(["wh", "other"]),
    "webhooks": lambda journal: journal.webhooks.of_tenant("acme"),
    "firings": lambda journal: journal.firings.page("acme", "schedule:a", 26),
    "newest firings": lambda journal: journal.firings.newest("acme", ["schedule:a", "trigger:b"]),
    "a firing": lambda journal: journal.firings.get("acme", "schedule:a", "1"),
    "queued firings": lambda journal: journal.firings.queued("acme", "schedule:a", 26),
    "schedules": lambda journal: journal.schedules.of_tenant("acme"),
    "schedules that are due": lambda journal: journal.schedules.due(9, (0, "", ""), 20),
    "the next schedule": lambda journal: journal.schedules.next_due_ms(),
    "active schedules": lambda journal: journal.schedules.active(("", ""), 20),
    "triggers": lambda journal: journal.triggers.of_tenant("acme"),
    "triggers of runs": lambda journal: journal.triggers.waiting("acme"),
    "files": lambda journal: journal.files.known("acme", ["a", "b"]),
    "workflows": lambda journal: journal.workflows.search("acme", DefinitionFilter(limit=21)),
    "workflows of a status": lambda journal: journal.workflows.search(
        "acme", DefinitionFilter(limit=21, status="published")
    ),
    "agents": lambda journal: journal.agents.search("acme", DefinitionFilter(limit=21)),
    "signals": lambda journal: journal.signals.kept("acme", 9, 20),
    "exchanges of a thread": lambda journal: journal.threads.exchanges("acme", "t", 20),
    "spending": lambda journal: journal.spending.days("acme", "2026-01-01", "2026-02-01"),
    "saved views": lambda journal: journal.saved_views.of("acme", "ada"),
    "sources": lambda journal: journal.knowledge.sources("acme", "c"),
    "events of a tenant, last": lambda journal: journal.pages.last_position(),
    "an event": lambda journal: journal.pages.seq_at("dynamic-workflow-1", 9),
    "events of a run": lambda journal: journal.pages.of_run("dynamic-workflow-1", 1, 20),
    "firings without a run": lambda journal: journal.overview.unstarted("acme", 9, 10),
}


async def audit(journal: Journal) -> None:
    for wanted in AUDIT:
        await journal.audit.page("acme", wanted, 50)


@pytest.mark.data_folder
async def test_every_list_follows_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Values]] = []
    ask = Readers.all

    async def noted(readers: Readers, sql: str, values: Values = ()) -> list[Any]:
        asked.append((sql, values))
        return await ask(readers, sql, values)

    monkeypatch.setattr(Readers, "all", noted)
    async with opened(tmp_path) as journal:
        asked.clear()
        for every in (*LISTS.values(), audit):
            await every(journal)
        assert len(asked) >= len(LISTS)
        for sql, values in {sql: (sql, values) for sql, values in asked}.values():
            rows = await ask(journal._lists, f"EXPLAIN QUERY PLAN {sql}", values)
            plan = [row[3] for row in rows]
            for line in plan:
                is_scan = line.startswith("SCAN ") and not BROUGHT.match(line)
                assert not is_scan, (line, sql)
                # What a limit has left may be sorted.
                assert "TEMP B-TREE" not in line or "SCAN found" in plan, (line, sql)
