"""How processes find each other: advisory locks of one session each, and LISTEN and NOTIFY.

Each process has one session that holds its locks. The server frees them when the session ends, and
ends the session if it has been silent for `SILENT_MS`. This way a process that was suspended, or
cut off from the network, loses its locks. A second session listens.
"""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import PipelineStatus

from journal.postgres import lock_kinds
from journal.postgres.address import Address
from journal.postgres.arrays import texts
from journal.postgres.connection import LOCKS, WRITER
from journal.postgres.lock_kinds import PLACE_LOCKS, SHARD_LOCKS, lock_kind, unsigned
from journal.postgres.rows import Sent
from journal.postgres.trip import Trip
from journal.processes.bell import RUN, Heard
from journal.processes.locks import LockView, SessionLost
from journal.processes.owners import SHARDS
from journal.processes.shared_owners import SILENT_MS

_MOST_PROCESSES = 1_000
_ENDS_SILENCE = 140_000
"""The first version of PostgreSQL that ends a silent session by itself."""

_ANSWER_MS = 3_000
_OPENING_S = 5
_PACE_S = 0.005
"""For how many seconds rings are gathered and then sent together."""

_REST_S = 0.1
"""For how many seconds news of runs is gathered after a sending; other rings are sent at once."""

_LONGEST_MESSAGE = 7_900
"""Characters of one message, all of ASCII; PostgreSQL takes less than 8,000 bytes."""

_LONGEST_NAME = 875
"""Characters of a name; of ASCII it may be eight times as long."""

_MOST_RINGS = 500
"""More rings than this are replaced by one that makes others check everything."""

_EVERYTHING = "*"
_EAR_LOOKS_EVERY_S = 5.0

_ALIVE = b"SELECT 1"
_NOTIFY = b"SELECT pg_notify($1, message) FROM unnest($2::text[]) message"


class PostgresLocks:
    """The locks of this process.

    Attributes:
        server_time: The server's time at a moment of this machine's monotonic clock.
    """

    def __init__(self, address: Address) -> None:
        self.server_time: tuple[int, float] | None = None
        self._address = address
        self._session: AsyncConnection[Any] | None = None
        self._place, self._has_left = 0, False
        self._one_at_a_time = asyncio.Lock()
        self._places, self._shards = (
            lock_kind(address.schema, what) for what in (PLACE_LOCKS, SHARD_LOCKS)
        )
        self._prepared: dict[bytes, bytes] = {}
        self._numbers = {
            "places": unsigned(self._places), "shards": unsigned(self._shards),
            "writers": LOCKS, "writer": unsigned(lock_kind(address.schema, WRITER)),
        }  # fmt: skip

    async def open(self) -> None:
        """Begin a session and take a place among the processes. Raises `SessionLost`."""
        name = f"stepwell {socket.gethostname()[:30]}:{os.getpid()}"
        session = None
        try:
            async with asyncio.timeout(_OPENING_S):
                session = await _connected(self._address, name, read_write=True)
                await session.execute(f"SET statement_timeout = {_ANSWER_MS}")
                if session.info.server_version >= _ENDS_SILENCE:
                    await session.execute(f"SET idle_session_timeout = {SILENT_MS}")
                for place in range(_MOST_PROCESSES):
                    if await _is_locked(session, self._places, place):
                        self._session, session = session, None
                        self._prepared = {}
                        self._place, self._has_left = place, False
                        return
        except (psycopg.Error, OSError, TimeoutError) as failure:
            raise SessionLost from failure
        finally:
            if session is not None:  # otherwise it would count as a process that does nothing
                await _closed(session)
        raise SessionLost

    async def look(self) -> LockView:
        """Ask how the locks are held. Raises `SessionLost`."""
        began_s = time.monotonic()
        rows = await self._rows(lock_kinds.LOOK, {**self._numbers, "stuck_s": lock_kinds.STUCK_S})
        places = sorted(number for is_place, number, *_ in rows if is_place)
        own = next((number for is_place, number, own, *_ in rows if is_place and own), None)
        if own is None and not self._has_left:
            raise SessionLost
        self.server_time = int(rows[0][3]), (began_s + time.monotonic()) / 2
        taken = frozenset(number for is_place, number, *_ in rows if not is_place)
        if own is None:
            return LockView(len(places), len(places) + 1, taken)
        return LockView(places.index(own), len(places), taken)

    async def take(self, shards: Collection[int]) -> frozenset[int]:
        """Lock those of the shards that are free, and return them. Raises `SessionLost`."""
        rows = await self._rows(
            "SELECT shard FROM unnest(%(wanted)s::int[]) shard"
            " WHERE pg_try_advisory_lock(%(class)s::int, shard)",
            {"wanted": sorted(shards), "class": self._shards},
        )
        return frozenset(shard for (shard,) in rows if 0 <= shard < SHARDS)

    async def give(self, shards: Collection[int]) -> None:
        """Free shards. Raises `SessionLost`."""
        await self._rows(
            "SELECT pg_advisory_unlock(%(class)s::int, shard) FROM unnest(%(given)s::int[]) shard",
            {"given": sorted(shards), "class": self._shards},
        )

    async def leave(self) -> None:
        """Give the place up: other processes share what is free. Raises `SessionLost`."""
        self._has_left = True
        await self._rows(
            "SELECT pg_advisory_unlock(%(class)s::int, %(place)s::int)",
            {"class": self._places, "place": self._place},
        )

    async def notify(self, channel: str, messages: Sequence[str]) -> None:
        """Send messages to all listeners. Raises `SessionLost`."""
        made = Sent(_NOTIFY, [channel.encode(), texts(messages)], is_binary=True)
        async with self._one_at_a_time:
            session = self._session
            if session is None:
                raise SessionLost
            try:
                trip = Trip(session.pgconn, self._prepared, [made], _ANSWER_MS / 1_000)
                await trip.arrive()
            except (psycopg.Error, OSError) as failure:
                raise SessionLost from failure
            finally:
                if session.pgconn.pipeline_status != PipelineStatus.OFF:  # broken off
                    await _closed(session)

    def now_ms(self) -> int | None:
        """Return the time of the server; None if it is not known yet."""
        if self.server_time is None:
            return None
        shown_ms, at_s = self.server_time
        return shown_ms + round((time.monotonic() - at_s) * 1_000)

    @property
    def backend(self) -> int | None:
        """The server's number of the session; None if there is none."""
        return None if self._session is None else self._session.info.backend_pid

    async def close(self) -> None:
        """End the session, and with it all locks; raises nothing.

        Its socket is closed only when nothing waits for it any more, because libuv ends a process
        that waits for a closed socket.
        """
        session, self._session = self._session, None
        if session is not None:
            _hang_up(session)
            async with self._one_at_a_time:
                await _closed(session)

    async def _rows(self, statement: str, values: dict[str, Any]) -> list[Any]:
        async with self._one_at_a_time:
            session = self._session
            if session is None:
                raise SessionLost
            try:
                cursor = await session.execute(statement.encode(), values)
                return await cursor.fetchall()
            except (psycopg.Error, OSError) as failure:
                raise SessionLost from failure


class PostgresBell:
    """Rings by NOTIFY, over the session that holds the locks."""

    def __init__(self, address: Address, locks: PostgresLocks, others: Callable[[], bool]) -> None:
        """Ring only if `others` says that another process may hear it."""
        self.heard: dict[str, list[Heard]] = {}
        self.on_gap: list[Callable[[], None]] = []
        self._address = address
        self._locks = locks
        self._others = others
        self._channel = f"{address.schema}_bell"
        self._rings: dict[tuple[str, str], None] = {}
        self._ringing: asyncio.Task[None] | None = None
        self._is_urgent = asyncio.Event()

    def ring(self, topic: str, name: str = "") -> None:
        """Notify the other processes soon; rings for the same name are combined."""
        if not self._others():
            return
        self._rings[topic, name] = None
        if topic != RUN:
            self._is_urgent.set()
        if self._ringing is None:
            self._ringing = asyncio.create_task(self._ring())

    async def run(self) -> None:
        """Listen until cancelled; a lost session is replaced by a new one."""
        while True:
            with contextlib.suppress(psycopg.Error, OSError, TimeoutError):
                await self._listen()
            for notify in self.on_gap:
                notify()
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        async with asyncio.timeout(_OPENING_S):
            ear = await _connected(self._address, "stepwell bell", read_write=False)
        try:
            await ear.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            for gap in self.on_gap:
                gap()
            known: dict[bytes, bytes] = {}
            while True:
                async for message in ear.notifies(timeout=_EAR_LOOKS_EVERY_S):
                    self._hear(message.pid, message.payload)
                # Raises if the session has ended, or is silent, whatever TCP is set to.
                await Trip(ear.pgconn, known, [Sent(_ALIVE)], _ANSWER_MS / 1_000).arrive()
                while (notification := ear.pgconn.notifies()) is not None:  # came with the answer
                    self._hear(notification.be_pid, notification.extra.decode())
        finally:
            await _closed(ear)

    def _hear(self, backend: int, payload: str) -> None:
        if backend == self._locks.backend:
            return
        rings = _rings_of(payload)
        if rings is None:
            for notify in self.on_gap:
                notify()
            return
        for topic, name in rings:
            for heard in self.heard.get(topic, ()):
                heard(name)

    async def _ring(self) -> None:
        try:
            await asyncio.sleep(_PACE_S)
            while self._rings:
                rings, self._rings = list(self._rings), {}
                self._is_urgent.clear()
                with contextlib.suppress(SessionLost):  # looked for within a second in any case
                    await self._locks.notify(self._channel, _messages(rings))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_REST_S):
                        await self._is_urgent.wait()
        finally:
            self._ringing = None


def _rings_of(payload: str) -> list[tuple[str, str]] | None:
    """Return the rings of a message; None if everything is to be checked.

    That is also so if the message is not understood: another version or program has sent it.
    """
    if payload == _EVERYTHING:
        return None
    try:
        return [(str(topic), str(name)) for topic, name in json.loads(payload)]
    except (TypeError, ValueError):
        return None


def _messages(rings: Sequence[tuple[str, str]]) -> list[str]:
    if len(rings) > _MOST_RINGS or any(len(name) > _LONGEST_NAME for _, name in rings):
        return [_EVERYTHING]
    message = json.dumps(rings)
    if len(message) <= _LONGEST_MESSAGE or len(rings) == 1:
        return [message]
    half = len(rings) // 2
    return [*_messages(rings[:half]), *_messages(rings[half:])]


async def _connected(address: Address, name: str, *, read_write: bool) -> AsyncConnection[Any]:
    where = make_conninfo(address.conninfo, application_name=name)
    if read_write:  # a standby does not share locks
        where = make_conninfo(where, target_session_attrs="read-write")
    return await AsyncConnection.connect(where, autocommit=True)


async def _is_locked(session: AsyncConnection[Any], kind: int, number: int) -> bool:
    cursor = await session.execute("SELECT pg_try_advisory_lock(%s::int, %s::int)", (kind, number))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _hang_up(session: AsyncConnection[Any]) -> None:
    """Notify everything that waits for the session at once that it has ended."""
    with (
        contextlib.suppress(psycopg.Error, OSError),
        socket.socket(fileno=os.dup(session.fileno())) as same,
    ):
        same.shutdown(socket.SHUT_RDWR)


async def _closed(session: AsyncConnection[Any]) -> None:
    with contextlib.suppress(psycopg.Error, OSError):
        await session.close()
