"""Whether the server can do its work, and how it reacts when its disk fails.

While the journal cannot write, the server still answers reads, answers writes with 503, and
recovers by itself. After a failed flush it reports this for a moment and then ends like kill -9,
which loses nothing: a flush that succeeds after a failed one does not bring back the data that the
kernel dropped, so nothing that this process holds open may be used again.
"""

import asyncio
import os

from app.execution.driving.culprit import Culprit
from app.services import Services
from app.telemetry import log
from journal import NO_SHARDS, Health

_LAST_WORDS_S = 0.5
_LONGEST_WRITE_S = 5.0


def unready(services: Services) -> str | None:
    """Return why the server cannot do its work, or None if it can."""
    if services.journal.health.trouble is not None:
        return f"the journal cannot write: {services.journal.health.trouble}"
    if services.journal.health.waits_s > _LONGEST_WRITE_S:
        return f"a write to the journal has been waiting for more than {_LONGEST_WRITE_S:g} seconds"
    if services.journal.read_trouble is not None:
        return f"the journal cannot be read: {services.journal.read_trouble}"
    if not services.recovery.is_queued:
        return "the runs left open by the last stop are being recovered"
    if services.sharing is not None and not services.sharing.is_taking_part:
        return NO_SHARDS
    return None


async def watch_journal(health: Health, culprit: Culprit) -> None:
    """Log when writing fails and when it works again; end the process when it must not continue."""
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
            log.journal_refuses(": ".join(filter(None, (health.trouble, health.cause))))
