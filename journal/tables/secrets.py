"""Secrets that steps use, sealed; the key that opens them is not in the journal."""

from collections.abc import Sequence
from dataclasses import astuple

from engine.value import value
from journal.connection import Connection
from journal.errors import UnknownSecret
from journal.reading.readers import Readers
from journal.rows.columns import columns, insert_into
from journal.writing.writer import Writer

SEALED = """
    SELECT sealed FROM secrets
    UNION ALL SELECT sealed FROM webhooks
    UNION ALL SELECT sealed FROM triggers WHERE sealed IS NOT NULL
    UNION ALL SELECT client FROM mcp_sign_ins WHERE client IS NOT NULL
    UNION ALL SELECT attempt FROM mcp_sign_ins WHERE attempt IS NOT NULL
    UNION ALL SELECT tokens FROM mcp_sign_ins WHERE tokens IS NOT NULL"""
"""Sealed bytes, apart from secrets of tokens and the sensitive values in events."""

TOKEN_SECRETS = "SELECT secret FROM jwt_secrets"  # noqa: S105 - a statement
"""Secrets of tokens as they are stored: sealed bytes as text, or in the clear."""


@value(frozen=True, slots=True)
class SecretRow:
    """One secret of a tenant: everything about it except its value."""

    tenant: str
    name: str
    sealed: bytes
    created_at_ms: int
    updated_at_ms: int


class SecretTable:
    """The sealed secrets of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(self, rows: Sequence[SecretRow]) -> None:
        """Store secrets, replacing those of the same names; durable when this returns."""

        def work(connection: Connection) -> None:
            connection.executemany(
                f"{insert_into('secrets', SecretRow)} ON CONFLICT (tenant, name) DO UPDATE"
                " SET sealed = excluded.sealed, updated_at_ms = excluded.updated_at_ms",
                [astuple(row) for row in rows],
            )

        await self._writer.write(work)

    async def all(self) -> list[SecretRow]:
        """Return the secrets of all tenants, by name."""
        rows = await self._readers.all(
            f"SELECT {columns(SecretRow)} FROM secrets ORDER BY tenant, name"
        )
        return [SecretRow(*row) for row in rows]

    async def delete(self, tenant: str, name: str) -> None:
        """Remove a secret. Raises `UnknownSecret`."""

        def work(connection: Connection) -> None:
            removed = connection.execute(
                "DELETE FROM secrets WHERE tenant = ? AND name = ?", (tenant, name)
            )
            if removed.rowcount == 0:
                raise UnknownSecret(name)

        await self._writer.write(work)
