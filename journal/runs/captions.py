"""The titles and labels of runs: written with their events, read for lists and pages."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import field

from pydantic_core import from_json

from engine import Run
from engine.value import value
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.rows.run_projection import Statement

KEEP_CAPTION = """
    INSERT INTO run_captions VALUES (?, ?, ?, ?, ?) ON CONFLICT (run) DO UPDATE
    SET title = excluded.title, labels = excluded.labels
    WHERE run_captions.title <> excluded.title OR run_captions.labels <> excluded.labels
"""

_AT_ONCE = 50
"""How many captions are read before other work has its turn."""


@value(frozen=True, slots=True)
class CaptionRow:
    """A run's title and labels; an empty title means none."""

    title: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


class Captions:
    """The captions of all runs that have one."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._has_some: bool | None = None

    def share(self) -> None:
        """Expect captions of other processes too."""
        self._has_some = True

    def keep(self, tenant: str, run: Run, title: str, labels: Mapping[str, str]) -> Statement:
        """Return the statement that stores a run's title and labels along with its events."""
        self._has_some = True
        written = json.dumps(labels, ensure_ascii=False)
        return KEEP_CAPTION, (run_number(run.id), tenant, run.started_at_ms, title, written)

    async def of(self, tenant: str, run_ids: Iterable[str]) -> dict[str, CaptionRow]:
        """Return the captions of those of the tenant's runs that have one."""
        found = await self.by_number(tenant, map(run_number, run_ids))
        return {run_id(run): caption for run, caption in found.items()}

    async def by_number(self, tenant: str, numbers: Iterable[int]) -> dict[int, CaptionRow]:
        """Return the same by the runs' numbers."""
        rows = [*(await self.kept(tenant, numbers)).items()]
        captions: dict[int, CaptionRow] = {}
        for first in range(0, len(rows), _AT_ONCE):
            if first:
                await asyncio.sleep(0)
            part = rows[first : first + _AT_ONCE]
            labels = from_json(f"[{','.join([text for _, (_, text) in part])}]")
            captions |= {
                run: CaptionRow(title, own)
                for (run, (title, _)), own in zip(part, labels, strict=True)
            }
        return captions

    async def kept(self, tenant: str, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
        """Return the same as titles and the JSON of labels."""
        if self._has_some is None:
            row = await self._readers.one("SELECT EXISTS (SELECT 1 FROM run_captions)")
            self._has_some = self._has_some or bool(row[0])
        asked = [*numbers] if self._has_some else []
        if not asked:
            return {}
        rows = await self._readers.all(
            "SELECT run, title, labels FROM json_each(?)"
            " CROSS JOIN run_captions ON run = CAST(value AS BIGINT)"
            " WHERE tenant = ?",
            (json.dumps(asked), tenant),
        )
        return {run: (title, labels) for run, title, labels in rows}
