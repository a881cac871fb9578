"""Collects what the child runs of a run wait for, as the run's status shows it."""

import re

from app.execution.driving.children import DEEPEST
from engine import Json, JsonObject, Run
from journal import Journal, PausedRow, UnknownRun, run_id

_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
MOST_PAUSES = 100
"""How many a status shows: those of the oldest runs, the one of `pauseSignal` first."""


async def pauses_below(journal: Journal, run: Run) -> list[Json]:
    """Return the pauses of the child runs that a run waits for, and of those below them."""
    if not run.waits_for_children:
        return []
    rows = await journal.inbox.below(run.id, MOST_PAUSES)
    shown = [signal for row in rows if (signal := signal_of(row)) is not None]
    first = (run.pause_shown or {}).get("pauseId")
    return [*sorted(shown, key=lambda signal: signal["pauseId"] != first)]


async def asking_below(
    journal: Journal, tenant: str, run: Run, pause_id: str | None, asking: str | None = None
) -> str:
    """Return the run below this one to which a pause belongs, or this run itself.

    A run may wait for several child runs that ask, and shows all of their pauses. The name of a
    pause begins with the number of its run. Without a pause, `asking` names the run.
    """
    shown = run.pause_shown or {}
    named = above = _named(pause_id, asking)
    if (
        not named
        or named == run.id
        or shown.get("pauseId") == pause_id
        or (pause_id is None and shown.get("runId") == named)
    ):
        return run.id
    for _ in range(DEEPEST):
        try:
            _, found = await journal.events.run(above, tenant)
        except UnknownRun:
            break
        if found.parent is None:
            break
        above = found.parent.run_id
        if above == run.id:
            return named
    return run.id


def _named(pause_id: str | None, asking: str | None) -> str:
    """Return the run that an answer names; empty if it names none."""
    if pause_id is None:
        return asking or ""
    number = pause_id.partition("-")[0]
    return run_id(int(number)) if _NUMBER.fullmatch(number) else ""


def signal_of(row: PausedRow) -> "JsonObject | None":
    """Return a pause as its own run shows it, with the run; None if it cannot be read."""
    if row.pause is None:
        return None
    return {**row.pause.shown(row.run_id, row.seq), "runId": row.run_id, **part_of(row)}


def part_of(row: PausedRow) -> JsonObject:
    """Return the part of the document, and the item of its parent's step, that a run works on."""
    parts: JsonObject = {"body": row.body, "item": row.item}
    return {name: part for name, part in parts.items() if part is not None}
