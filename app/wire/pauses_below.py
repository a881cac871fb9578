"""All that the child runs of a run wait for, as its status shows it."""

from engine import Json, JsonObject, Run
from journal import Journal, PausedRow

MOST_PAUSES = 100
"""How many a status shows: those of the oldest runs, the one of `pauseSignal` first."""


async def pauses_below(journal: Journal, run: Run) -> list[Json]:
    """Return what the child runs ask for which a run waits, and those below them."""
    if not run.waits_for_children:
        return []
    rows = await journal.inbox.below(run.id, MOST_PAUSES)
    shown = [signal for row in rows if (signal := signal_of(row)) is not None]
    first = (run.pause_shown or {}).get("pauseId")
    return [*sorted(shown, key=lambda signal: signal["pauseId"] != first)]


def signal_of(row: PausedRow) -> "JsonObject | None":
    """Return a pause as its own run shows it, with the run; None where it cannot be read."""
    if row.pause is None:
        return None
    return {**row.pause.shown(row.run_id, row.seq), "runId": row.run_id, **part_of(row)}


def part_of(row: PausedRow) -> JsonObject:
    """Return which part of the document and which item of its parent's step a run is."""
    parts: JsonObject = {"body": row.body, "item": row.item}
    return {name: part for name, part in parts.items() if part is not None}
