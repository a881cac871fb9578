"""Whether the journal can write, and whether this process may continue to write at all.

A failed write is tried again: SQLite has undone it, and no caller was told that it succeeded. A
failed flush is different. The kernel may have dropped the data while its cache still holds it, so
the next flush may succeed without it. After such a failure nothing more is written; the process
ends, and the next start begins from what is on disk (`journal/sqlite/reflush.py`).
"""

import asyncio
import sqlite3
import time

_FLUSHES = (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC)


def is_failed_flush(failure: BaseException) -> bool:
    """Return whether after this failure it is unknown what is on disk."""
    return getattr(failure, "sqlite_errorcode", None) in _FLUSHES


class Displaced(Exception):
    """The database or its folder is not where it was opened; the message says what to do."""


class Health:
    """How the last write went.

    Attributes:
        trouble: Why it failed; None while writing works. Clients are told.
        cause: What only an operator may know about it, if there is more.
        is_over: True once a flush or the writer has failed: this process writes nothing more.
        began_s: When the current transaction began, by the monotonic clock.
        changed: Set whenever `trouble` has changed.
    """

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.cause: str | None = None
        self.is_over = False
        self.began_s: float | None = None
        self.changed = asyncio.Event()

    @property
    def waits_s(self) -> float:
        """How long a transaction has been waiting to be durable."""
        return 0.0 if self.began_s is None else time.monotonic() - self.began_s

    def well(self) -> None:
        """Record that a transaction was written."""
        if self.trouble is not None and not self.is_over:
            self.trouble = None
            self.changed.set()

    def end(self, why: str) -> None:
        """Record that this process writes nothing more."""
        if not self.is_over:
            self.is_over, self.trouble, self.cause = True, why, None
            self.changed.set()

    def met(self, failure: BaseException) -> None:
        """Record why a transaction was not written; errors of the callers' own do not count."""
        if self.is_over or not isinstance(failure, sqlite3.Error | Displaced):
            return
        self.is_over = is_failed_flush(failure)
        trouble = "the disk failed to flush" if self.is_over else str(failure)
        if trouble != self.trouble:
            self.trouble = trouble
            cause = " ".join(str(failure.__cause__ or "").split())
            self.cause = None if cause in ("", trouble) else cause
            self.changed.set()
