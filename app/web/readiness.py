"""Whether the server can do its work, and what it does when its disk fails.

While the journal cannot write, the server answers what can be read, says 503 to what must be
written, and goes on by itself. When a flush has failed it says so for a moment and then ends
as kill -9 would end it, which loses nothing: a flush that succeeds after one that failed does
not bring back what the kernel has given up, so nothing that this process holds open is used
again.
"""

import asyncio
import os

from app.execution.driving.culprit import Culprit
from app.services import Services
from app.telemetry import log
from journal import Health

_LAST_WORDS_S = 0.5
_LONGEST_WRITE_S = 5.0


def unready(services: Services) -> str | None:
    """Say why the server cannot do its work; None when it can."""
    if services.journal.health.trouble is not None:
        return f"the journal cannot write: {services.journal.health.trouble}"
    if services.journal.health.waits_s > _LONGEST_WRITE_S:
        return f"a write to the journal has been waiting for more than {_LONGEST_WRITE_S:g} seconds"
    if not services.recovery.is_queued:
        return "the runs that the last stop left behind are being looked for"
    if services.sharing is not None and not services.sharing.is_taking_part:
        return "this process is starting or stopping and takes no runs"
    return None


async def watch_journal(health: Health, culprit: Culprit) -> None:
    """Log when writing fails and when it works again; end the process when it must not go on."""
    while True:
        await health.changed.wait()
        health.changed.clear()
        if health.is_over:
            log.journal_over(str(health.trouble))
            culprit.nobody()
            await asyncio.sleep(_LAST_WORDS_S)
            os._exit(os.EX_IOERR)
        if health.trouble is None:
            log.journal_writes()
        else:
            log.journal_refuses(health.trouble)
