"""Reloads what this process keeps in memory (keys, people, definitions) after others change it.

Every change writes an entry to the audit log, so it is enough to check the log's last position,
twice a second; a notification from another process makes the check come sooner. A session or key
that this process does not know may have been made by another process a moment ago, so it is looked
up once more before a caller is turned away.
"""

import asyncio
from collections.abc import Awaitable, Callable

from app.concurrency.until_set import until_set
from app.telemetry import log
from journal import CHANGE, Bell, Journal, JournalError

_LOOK_EVERY_S = 0.5
_PACE_S = 0.05
"""The least time between two checks, however many callers ask for one."""

_OF_SESSIONS = frozenset({"signIn"})

Reload = Callable[[], Awaitable[None]]


class Changes:
    """Tells the parts of the server to reload what they keep in memory.

    Attributes:
        sessions: Reload functions of the parts that keep sessions.
        others: Reload functions of all other parts.
    """

    def __init__(self, journal: Journal, bell: Bell) -> None:
        self.sessions: list[Reload] = []
        self.others: list[Reload] = []
        self._audit = journal.audit
        self._table = journal.sessions
        self._bell = bell
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._looked_s = 0.0
        self._position = -1
        self._mark = (-1, -1)
        bell.heard.setdefault(CHANGE, []).append(lambda _: self._news.set())
        bell.on_gap.append(self._news.set)

    def made(self) -> None:
        """Notify other processes that something was changed here."""
        self._bell.ring(CHANGE)

    async def run(self) -> None:
        """Check for changes and reload until cancelled."""
        while True:
            try:
                await self._look()
            except JournalError as failure:
                log.changes_delayed(failure)
            await until_set(self._news, _LOOK_EVERY_S)
            self._news.clear()

    async def catch_up(self) -> None:
        """Reload everything that was changed before this call. Raises journal errors."""
        asked_s = asyncio.get_running_loop().time()
        async with self._one_at_a_time:
            if self._looked_s < asked_s:
                await asyncio.sleep(max(0.0, self._looked_s + _PACE_S - asked_s))
                await self._look_now()

    async def _look(self) -> None:
        async with self._one_at_a_time:
            await self._look_now()

    async def _look_now(self) -> None:
        self._looked_s = asyncio.get_running_loop().time()
        position, mark = await self._audit.last_position(), await self._table.mark()
        if position != self._position:
            actions = await self._audit.actions_after(self._position)
            if self._position < 0 or actions - _OF_SESSIONS:
                for reload in self.others:
                    await reload()
        if mark != self._mark:
            for reload in self.sessions:
                await reload()
        self._position, self._mark = position, mark
