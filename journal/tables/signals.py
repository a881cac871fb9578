"""Signals: stored until a run takes them, each once."""

import json
from collections.abc import Collection

from engine import Json
from engine.value import value
from journal.connection import Connection
from journal.errors import JournalError, TooManySignals
from journal.reading.readers import Readers
from journal.rows.run_ids import run_id, run_number
from journal.writing.transaction import UNCOUNTED, Work
from journal.writing.writer import Writer

_FORGOTTEN_AT_ONCE = 1_000
_MOST_RECEIVERS = 10_000
_COLUMNS = "position, tenant, name, key, sender_id, data, sent_at_ms, expires_at_ms"


@value(frozen=True, slots=True)
class NewSignal:
    """A signal as it is sent.

    Attributes:
        key: Which of its name it is, such as the number of an order.
        sender_id: The sender's id for it; of several with one id only the first counts.
        expires_at_ms: Until when it is stored, while no run waits for it.
        forget_at_ms: Until when its `sender_id` is known.
        to_all: Whether every run that waits now gets it, and no run later.
        for_run: The one run that it is meant for.
    """

    name: str
    key: str
    data: Json
    sent_at_ms: int
    expires_at_ms: int
    forget_at_ms: int
    sender_id: str | None = None
    to_all: bool = False
    for_run: str | None = None


@value(frozen=True, slots=True)
class KeptSignal:
    """A signal that is in the journal; `data` is None once it has been taken."""

    position: int
    tenant: str
    name: str
    key: str
    sender_id: str | None
    data: Json
    sent_at_ms: int
    expires_at_ms: int


@value(frozen=True, slots=True)
class SignalKept:
    """The result of storing a signal.

    Attributes:
        positions: Its rows: one, or one for each run of those that it was sent to.
        is_new: False if its sender's id had been used before.
    """

    positions: tuple[int, ...]
    is_new: bool


class SignalTaken(JournalError):
    """The signal is no longer there for the run that was to take it."""

    def __init__(self, position: int) -> None:
        super().__init__(f"signal {position} has been taken or has expired")


class SignalTable:
    """The signals of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def send(self, tenant: str, signal: NewSignal, most: int) -> SignalKept:
        """Store a signal; durable when this returns. Raises `TooManySignals`."""

        def work(connection: Connection) -> SignalKept:
            if known := _known(connection, tenant, signal.sender_id):
                return SignalKept(known, is_new=False)
            if connection.execute(_FULL, (tenant, most - 1)).fetchone():
                raise TooManySignals(most)
            return SignalKept(insert_signal(connection, tenant, signal), is_new=True)

        kept: SignalKept = await self._writer.write(work)
        return kept

    async def is_known(self, tenant: str, sender_id: str) -> bool:
        """Return whether a sender's id has been used."""
        sql = "SELECT 1 FROM signals WHERE tenant = ? AND sender_id = ?"
        return await self._readers.by_key(sql, (tenant, sender_id)) is not None

    async def is_full(self, tenant: str, most: int) -> bool:
        """Return whether a tenant has `most` signals that no run has taken yet."""
        return await self._readers.one(_FULL, (tenant, most - 1)) is not None

    async def match(
        self, tenant: str, name: str, key: str, now_ms: int, without: Collection[str]
    ) -> tuple[KeptSignal, str | None] | None:
        """Return the oldest signal of a name and key, and the run that has waited longest.

        None if there is no signal; no run if none waits, apart from those in `without`.
        """
        wanted = {
            "tenant": tenant, "name": name, "key": key, "now": now_ms,
            "without": json.dumps([run_number(item) for item in without]),
        }  # fmt: skip
        row = await self._readers.one(
            f"SELECT {_COLUMNS}, coalesce(s.for_run, ({_WAITS_LONGEST})) FROM signals s"
            " WHERE tenant = :tenant AND name = :name AND key = :key AND taken_at_ms IS NULL"
            f" AND expires_at_ms > :now AND (for_run IS NULL OR EXISTS ({_WAITS_ITSELF}))"
            " ORDER BY position LIMIT 1",
            wanted,
        )
        if row is None:
            return None
        return _kept(row[:-1]), None if row[-1] is None else run_id(row[-1])

    async def waited_for(self, now_ms: int) -> list[tuple[str, str, str]]:
        """Return each (tenant, name, key) once that has a stored signal and a waiting run."""
        rows = await self._readers.all(
            "SELECT DISTINCT tenant, name, key FROM signals s"
            " WHERE taken_at_ms IS NULL AND expires_at_ms > ? AND EXISTS (SELECT 1 FROM runs r"
            " WHERE r.tenant = s.tenant AND r.signal_name = s.name AND r.signal_key = s.key)",
            (now_ms,),
        )
        return [(tenant, name, key) for tenant, name, key in rows]

    async def taken_by(self, positions: Collection[int]) -> list[str]:
        """Return the runs that have taken these."""
        rows = await self._readers.all(
            "SELECT taken_by FROM signals WHERE position IN"
            " (SELECT CAST(value AS BIGINT) FROM json_each(?))"
            " AND taken_by IS NOT NULL ORDER BY position",
            (json.dumps(list(positions)),),
        )
        return [run_id(number) for (number,) in rows]

    async def kept(self, tenant: str, now_ms: int, limit: int) -> list[KeptSignal]:
        """Return a tenant's signals that no run has taken yet, by name and key."""
        rows = await self._readers.all(
            f"SELECT {_COLUMNS} FROM signals WHERE tenant = ? AND taken_at_ms IS NULL"
            " AND expires_at_ms > ? ORDER BY name, key, position LIMIT ?",
            (tenant, now_ms, limit),
        )
        return [_kept(row) for row in rows]

    async def forget(self, now_ms: int) -> int:
        """Drop expired signals and old rows, and return how many expired.

        The number in one call is limited; 0 means that there are no more.
        """
        values = (now_ms, _FORGOTTEN_AT_ONCE)
        if not await self._readers.all(f"{_EXPIRED} UNION ALL {_OLD} LIMIT 1", (now_ms, now_ms)):
            return 0

        def work(connection: Connection) -> int:
            given_up = connection.execute(
                "UPDATE signals SET taken_at_ms = expires_at_ms, data = NULL"
                f" WHERE position IN ({_EXPIRED} LIMIT ?)",
                values,
            )
            gone = connection.execute(
                f"DELETE FROM signals WHERE position IN ({_OLD} LIMIT ?)", values
            )
            return given_up.rowcount + gone.rowcount

        return int(await self._writer.write(work, UNCOUNTED))


_FULL = "SELECT 1 FROM signals WHERE tenant = ? AND taken_at_ms IS NULL LIMIT 1 OFFSET ?"
_EXPIRED = "SELECT position FROM signals WHERE taken_at_ms IS NULL AND expires_at_ms <= ?"
_OLD = "SELECT position FROM signals WHERE forget_at_ms <= ?"
_WAITS_LONGEST = (
    "SELECT r.id FROM runs r WHERE r.tenant = :tenant AND r.signal_name = :name"
    " AND r.signal_key = :key AND r.id NOT IN (SELECT CAST(value AS BIGINT)"
    " FROM json_each(:without))"
    " ORDER BY r.updated_at_ms, r.id LIMIT 1"
)
_WAITS_ITSELF = (
    "SELECT 1 FROM runs r WHERE r.id = s.for_run AND r.signal_name = :name"
    " AND r.signal_key = :key AND r.id NOT IN (SELECT CAST(value AS BIGINT)"
    " FROM json_each(:without))"
)


def insert_signal(connection: Connection, tenant: str, signal: NewSignal) -> tuple[int, ...]:
    """Store a signal in the current transaction, and return its positions."""
    receivers: list[int | None] = [None]
    if signal.for_run is not None:
        receivers = [run_number(signal.for_run)]
    if signal.to_all:
        rows = connection.execute(
            "SELECT id FROM runs WHERE tenant = ? AND signal_name = ? AND signal_key = ?"
            " ORDER BY updated_at_ms, id LIMIT ?",
            (tenant, signal.name, signal.key, _MOST_RECEIVERS),
        )
        receivers = [number for (number,) in rows]
    data, sender_id = json.dumps(signal.data), signal.sender_id
    if not receivers and sender_id is not None:
        connection.execute(
            _INSERT_TAKEN,
            (tenant, signal.name, signal.key, sender_id, signal.sent_at_ms, signal.sent_at_ms,
             signal.forget_at_ms, signal.sent_at_ms),
        )  # fmt: skip
    positions = []
    for receiver in receivers:
        added = connection.execute(
            f"{_INSERT} RETURNING position",
            (tenant, signal.name, signal.key, sender_id, data, receiver, signal.sent_at_ms,
             signal.expires_at_ms, max(signal.forget_at_ms, signal.expires_at_ms)),
        )  # fmt: skip
        positions.append(int(added.fetchone()[0]))
        sender_id = None
    return tuple(positions)


_INSERT = (
    "INSERT INTO signals (tenant, name, key, sender_id, data, for_run, sent_at_ms, expires_at_ms,"
    " forget_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_TAKEN = (
    "INSERT INTO signals (tenant, name, key, sender_id, sent_at_ms, expires_at_ms, forget_at_ms,"
    " taken_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def take_signal(position: int, taker: str, now_ms: int) -> Work:
    """Return the work that marks a signal as taken; it raises if the signal is gone."""

    def work(connection: Connection) -> None:
        taken = connection.execute(
            "UPDATE signals SET taken_at_ms = ?, taken_by = ?, data = NULL"
            " WHERE position = ? AND taken_at_ms IS NULL",
            (now_ms, run_number(taker), position),
        )
        if taken.rowcount == 0:
            raise SignalTaken(position)

    return work


def _known(connection: Connection, tenant: str, sender_id: str | None) -> tuple[int, ...]:
    if sender_id is None:
        return ()
    rows = connection.execute(
        "SELECT position FROM signals WHERE tenant = ? AND sender_id = ?", (tenant, sender_id)
    )
    return tuple(position for (position,) in rows)


def _kept(row: tuple[object, ...]) -> KeptSignal:
    position, tenant, name, key, sender_id, data, sent_at_ms, expires_at_ms = row
    value: Json = None if data is None else json.loads(str(data))
    return KeptSignal(position, tenant, name, key, sender_id, value, sent_at_ms, expires_at_ms)  # type: ignore[arg-type] # the columns
