"""Passkeys: public keys with which people sign in."""

from dataclasses import astuple
from functools import partial

from engine.value import value
from journal.connection import Clash, Connection
from journal.errors import PasskeyTaken, UnknownPasskey
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class PasskeyRow:
    """One passkey.

    Attributes:
        id: The device's id for it, in base64url.
        person: The id of the person whom it signs in.
        name: The person's name for it.
        public_key: The key, as COSE.
        uses: How often it was used, as counted by the device; 0 if the device does not count.
    """

    id: str
    tenant: str
    person: str
    name: str
    public_key: bytes
    uses: int
    created_at_ms: int
    used_at_ms: int | None = None


def insert_passkey(connection: Connection, row: PasskeyRow) -> None:
    """Store a passkey within a transaction. Raises `PasskeyTaken` if it exists."""
    try:
        connection.execute(insert_into("passkeys", PasskeyRow), astuple(row))
    except Clash as taken:
        raise PasskeyTaken from taken


class PasskeyTable:
    """The passkeys of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def all(self) -> list[PasskeyRow]:
        """Return all, oldest first."""
        rows = await self._readers.all(
            f"SELECT {columns(PasskeyRow)} FROM passkeys ORDER BY created_at_ms, id"
        )
        return [PasskeyRow(*row) for row in rows]

    async def add(self, row: PasskeyRow) -> None:
        """Store a passkey; durable when this returns. Raises `PasskeyTaken` if it exists."""
        await self._writer.write(partial(insert_passkey, row=row))

    async def used(self, row: PasskeyRow) -> None:
        """Store when a passkey was last used. Raises `UnknownPasskey` if it is gone."""
        await self._changed(
            row.id,
            "UPDATE passkeys SET uses = ?, used_at_ms = ? WHERE id = ?",
            (row.uses, row.used_at_ms, row.id),
        )

    async def remove(self, passkey_id: str) -> None:
        """Remove a passkey; durable when this returns. Raises `UnknownPasskey`."""
        await self._changed(passkey_id, "DELETE FROM passkeys WHERE id = ?", (passkey_id,))

    async def _changed(self, passkey_id: str, sql: str, values: tuple[object, ...]) -> None:
        def work(connection: Connection) -> None:
            if connection.execute(sql, values).rowcount == 0:
                raise UnknownPasskey(passkey_id)

        await self._writer.write(work)
