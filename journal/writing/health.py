"""Whether the journal can write, and whether it may go on at all.

A write that fails is tried again: SQLite has undone it, and nobody was told that it happened.
A flush that fails is another matter. The kernel may have given up the data and kept what it
holds in memory, so that the next flush succeeds without them. After such a failure nothing is
written any more; the process ends, and `journal/sqlite/reflush.py` starts afresh from what there
is.
"""

import asyncio
import sqlite3
import time

_FLUSHES = (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC)


def is_failed_flush(failure: BaseException) -> bool:
    """Say whether a failure leaves unknown what is on disk."""
    return getattr(failure, "sqlite_errorcode", None) in _FLUSHES


class Displaced(Exception):
    """The database or its folder is not where it was opened; says what to do."""


class Health:
    """How writing went the last time.

    Attributes:
        trouble: Why it failed; None while it works.
        is_over: True once a flush has failed: this process writes nothing more.
        began_s: When the transaction began that is being written, by the monotonic clock.
        changed: Set whenever `trouble` has come, gone or become another.
    """

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.is_over = False
        self.began_s: float | None = None
        self.changed = asyncio.Event()

    @property
    def waits_s(self) -> float:
        """How long a transaction has been waiting to be durable."""
        return 0.0 if self.began_s is None else time.monotonic() - self.began_s

    def well(self) -> None:
        """Note that a transaction was written."""
        if self.trouble is not None and not self.is_over:
            self.trouble = None
            self.changed.set()

    def met(self, failure: BaseException) -> None:
        """Note why a transaction was not written; faults of those who asked do not count."""
        if self.is_over or not isinstance(failure, sqlite3.Error | Displaced):
            return
        self.is_over = is_failed_flush(failure)
        trouble = "the disk failed to flush" if self.is_over else str(failure)
        if trouble != self.trouble:
            self.trouble = trouble
            self.changed.set()
