"""API keys, as hashes, and the secrets that check tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import astuple

from engine.value import value
from journal.connection import Connection
from journal.errors import UnknownCredential
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class KeyRow:
    """One API key: everything about it except the key."""

    id: str
    prefix: str
    hash: bytes
    tenant: str
    role: str
    name: str
    created_at_ms: int
    expires_at_ms: int | None = None
    last_used_at_ms: int | None = None
    disabled_at_ms: int | None = None


@value(frozen=True, slots=True)
class JwtSecretRow:
    """One signing secret or public key, which tokens name by `kid`.

    `secret` is sealed for a signing secret, and in the clear for a public key.
    """

    kid: str
    tenant: str
    role: str
    name: str
    algorithm: str
    secret: str
    created_at_ms: int
    disabled_at_ms: int | None = None


class Keys:
    """The API keys of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def create(self, row: KeyRow) -> None:
        """Keep a new key; durable when this returns."""

        def work(connection: Connection) -> None:
            connection.execute(insert_into("api_keys", KeyRow), astuple(row))

        await self._writer.write(work)

    async def all(self) -> list[KeyRow]:
        """Return every key, oldest first."""
        rows = await self._readers.all(
            f"SELECT {columns(KeyRow)} FROM api_keys ORDER BY created_at_ms, id"
        )
        return [KeyRow(*row) for row in rows]

    async def disable(self, tenant: str, name: str, now_ms: int) -> None:
        """Disable a key by its id or prefix. Raises `UnknownCredential`."""

        def work(connection: Connection) -> None:
            changed = connection.execute(
                "UPDATE api_keys SET disabled_at_ms = coalesce(disabled_at_ms, ?)"
                " WHERE tenant = ? AND (id = ? OR prefix = ?)",
                (now_ms, tenant, name, name),
            )
            if changed.rowcount == 0:
                raise UnknownCredential(name)

        await self._writer.write(work)

    async def touch(self, used: Iterable[tuple[str, int]]) -> None:
        """Record when keys were last used, from (id, Unix milliseconds)."""

        def work(connection: Connection) -> None:
            connection.executemany(
                "UPDATE api_keys SET last_used_at_ms = ? WHERE id = ?",
                [(at_ms, key_id) for key_id, at_ms in used],
            )

        await self._writer.write(work)


class JwtSecrets:
    """The token secrets of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def create(self, row: JwtSecretRow) -> None:
        """Keep a new secret; durable when this returns."""

        def work(connection: Connection) -> None:
            connection.execute(insert_into("jwt_secrets", JwtSecretRow), astuple(row))

        await self._writer.write(work)

    async def all(self) -> list[JwtSecretRow]:
        """Return every secret, oldest first."""
        rows = await self._readers.all(
            f"SELECT {columns(JwtSecretRow)} FROM jwt_secrets ORDER BY created_at_ms, kid"
        )
        return [JwtSecretRow(*row) for row in rows]

    async def seal(self, sealed: Mapping[str, str]) -> None:
        """Replace stored secrets by sealed ones, by `kid`, leaving no trace of the old ones."""

        def work(connection: Connection) -> None:
            connection.execute("PRAGMA secure_delete = ON")
            connection.executemany(
                "UPDATE jwt_secrets SET secret = ? WHERE kid = ?",
                [(secret, kid) for kid, secret in sealed.items()],
            )
            connection.execute("PRAGMA secure_delete = OFF")

        await self._writer.write(work)

    async def disable(self, tenant: str, kid: str, now_ms: int) -> None:
        """Disable a secret. Raises `UnknownCredential`."""

        def work(connection: Connection) -> None:
            changed = connection.execute(
                "UPDATE jwt_secrets SET disabled_at_ms = coalesce(disabled_at_ms, ?)"
                " WHERE tenant = ? AND kid = ?",
                (now_ms, tenant, kid),
            )
            if changed.rowcount == 0:
                raise UnknownCredential(kid)

        await self._writer.write(work)
