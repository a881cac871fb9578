"""People who sign in with an account of their own."""

from collections.abc import Callable
from dataclasses import astuple

from engine.value import value
from journal.connection import Clash, Connection
from journal.errors import NameTaken, UnknownPerson
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.tables.passkeys import PasskeyRow, insert_passkey
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class PersonRow:
    """One person.

    Attributes:
        name: The name they sign in with; unique in a tenant regardless of case.
        groups: The names of their groups, a JSON array.
        password: A salted hash; None while they have none.
        subject: The identity provider's name for them, after its issuer; None for others.
        invitation: The hash of the token of an open invitation.
        signed_in_at_ms: When they last signed in.
    """

    id: str
    tenant: str
    name: str
    role: str
    groups: str
    password: str | None
    subject: str | None
    invitation: str | None
    created_at_ms: int
    signed_in_at_ms: int | None = None
    disabled_at_ms: int | None = None


class PeopleTable:
    """The people of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def all(self) -> list[PersonRow]:
        """Return everybody, in the order of their names."""
        rows = await self._readers.all(
            f"SELECT {columns(PersonRow)} FROM people ORDER BY tenant, name"
        )
        return [PersonRow(*row) for row in rows]

    async def add(self, row: PersonRow, passkey: PasskeyRow | None = None) -> None:
        """Store a new person, with a passkey if one is given; durable when this returns.

        Raises `NameTaken`, `PasskeyTaken`.
        """

        def work(connection: Connection) -> None:
            try:
                connection.execute(insert_into("people", PersonRow), astuple(row))
            except Clash as taken:
                raise NameTaken(row.name) from taken
            if passkey is not None:
                insert_passkey(connection, passkey)

        await self._writer.write(work)

    async def change(
        self, tenant: str, person_id: str, edit: Callable[[PersonRow], PersonRow]
    ) -> PersonRow:
        """Store and return a person as `edit` changes them, except for id, tenant and name.

        `edit` is called within the transaction, so that no other process can change the person
        meanwhile. Raises `UnknownPerson`, and what `edit` raises.
        """
        changed: PersonRow = await self._writer.write(
            lambda connection: _changed(connection, tenant, person_id, edit)
        )
        return changed

    async def replace_sign_in(
        self,
        tenant: str,
        person_id: str,
        edit: Callable[[PersonRow], PersonRow],
        passkey: PasskeyRow | None,
    ) -> PersonRow:
        """Change a person as `change` does, end their sessions, and replace all their passkeys.

        Raises `UnknownPerson`, `PasskeyTaken`, and what `edit` raises; then nothing is changed.
        """

        def work(connection: Connection) -> PersonRow:
            row = _changed(connection, tenant, person_id, edit)
            connection.execute("DELETE FROM sessions WHERE credential = ?", (person_id,))
            connection.execute("DELETE FROM passkeys WHERE person = ?", (person_id,))
            if passkey is not None:
                insert_passkey(connection, passkey)
            return row

        changed: PersonRow = await self._writer.write(work)
        return changed


def _changed(
    connection: Connection, tenant: str, person_id: str, edit: Callable[[PersonRow], PersonRow]
) -> PersonRow:
    kept = connection.execute(
        f"SELECT {columns(PersonRow)} FROM people WHERE id = ? AND tenant = ?", (person_id, tenant)
    ).fetchone()
    if kept is None:
        raise UnknownPerson(person_id)
    row = edit(PersonRow(*kept))
    connection.execute(
        "UPDATE people SET role = ?, groups = ?, password = ?, subject = ?, invitation = ?,"
        " signed_in_at_ms = ?, disabled_at_ms = ? WHERE id = ? AND tenant = ?",
        (
            row.role, row.groups, row.password, row.subject, row.invitation,
            row.signed_in_at_ms, row.disabled_at_ms, person_id, tenant,
        ),
    )  # fmt: skip
    return row
