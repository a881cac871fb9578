"""Tests on a copy of the database whether this version can continue what a data folder holds."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from app.settings.server import Settings
from app.upkeep.doctor import Compile, Finding, examine
from engine.counted import counted
from engine.value import value
from journal import DATABASE, Journal, Verified, open_read_only, verify

_SHOWN_FAULTS = 20
_OF_RUNS = ("runs", "stuck runs", "definitions of open runs", "schema", "database", "quick_check")


@value(frozen=True, slots=True)
class Rehearsal:
    """The result of a rehearsal.

    Attributes:
        migrated_s: Seconds that the next start will need to migrate the database.
        checked_s: Seconds that reading every history took.
        runs: How many runs were read.
        events: How many events they have.
        findings: The checks; a `wrong` one is a reason not to upgrade.
    """

    migrated_s: float
    checked_s: float
    runs: int
    events: int
    findings: list[Finding]


async def rehearse(
    folder: Path,
    settings: Settings,
    now_ms: int,
    compile_definition: Compile,
    tell: Callable[[str], None],
) -> Rehearsal:
    """Migrate the copy in `folder`, read every history, compile the definitions of open runs.

    Raises `JournalError` if this version cannot open the copy.
    """
    began_s = time.monotonic()
    journal = await Journal.open(folder, synchronous="OFF")
    await journal.close()
    migrated = time.monotonic()
    tell("the copy is up to date; reading every history")
    with closing(open_read_only(folder / DATABASE)) as connection:
        verified = verify(connection, lambda so_far: tell(f"{counted(so_far.runs, 'run')} read"))
    looked_at = examine(settings.model_copy(update={"data": folder}), now_ms, compile_definition)
    return Rehearsal(
        migrated - began_s,
        time.monotonic() - migrated,
        verified.runs,
        verified.events,
        [*_faults(verified), *(found for found in looked_at if found.what in _OF_RUNS)],
    )


def _faults(verified: Verified) -> list[Finding]:
    """Return what this version finds wrong with histories."""
    return [
        Finding(
            "history", "wrong", f"run {fault.run_id} event {fault.seq}: {fault.what}",
            "check whether the previous version says the same: stepwell verify",
        )
        for fault in verified.faults[:_SHOWN_FAULTS]
    ]  # fmt: skip
