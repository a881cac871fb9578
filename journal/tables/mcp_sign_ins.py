"""Sign-ins at MCP servers, sealed: one for each tenant and server."""

from collections.abc import Sequence

from engine.value import value
from journal.connection import Connection
from journal.reading.readers import Readers
from journal.rows.columns import columns
from journal.writing.writer import Writer


@value(frozen=True, slots=True)
class McpSignInRow:
    """What is stored for one server and tenant.

    Attributes:
        client: This server's registration there, sealed.
        attempt: The sign-in that has begun, sealed.
        tokens: The tokens, sealed; None while nobody is signed in.
        who: Who has signed in last; empty before.
        at_ms: When that was, in Unix milliseconds.
        held_until_ms: Until when one process alone may fetch new tokens.
    """

    tenant: str
    server: str
    client: bytes | None
    attempt: bytes | None
    tokens: bytes | None
    who: str
    at_ms: int
    held_until_ms: int


class McpSignInTable:
    """The sign-ins of all tenants."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def all(self) -> list[McpSignInRow]:
        """Return what is kept of all tenants."""
        rows = await self._readers.all(
            f"SELECT {columns(McpSignInRow)} FROM mcp_sign_ins ORDER BY tenant, server"
        )
        return [McpSignInRow(*row) for row in rows]

    async def find(self, tenant: str, server: str) -> McpSignInRow | None:
        """Return what is kept of a server for a tenant."""
        rows = await self._readers.all(
            f"SELECT {columns(McpSignInRow)} FROM mcp_sign_ins WHERE tenant = ? AND server = ?",
            (tenant, server),
        )
        return McpSignInRow(*rows[0]) if rows else None

    async def begin(self, tenant: str, server: str, client: bytes, attempt: bytes) -> None:
        """Store a sign-in that begins, replacing one that has begun."""

        def work(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO mcp_sign_ins"
                " (tenant, server, client, attempt, who, at_ms, held_until_ms)"
                " VALUES (?, ?, ?, ?, '', 0, 0) ON CONFLICT (tenant, server) DO UPDATE"
                " SET client = excluded.client, attempt = excluded.attempt",
                (tenant, server, client, attempt),
            )

        await self._writer.write(work)

    async def take(self, tenant: str, server: str, attempt: bytes) -> bool:
        """Remove a sign-in that has begun; return whether it still existed."""
        return await self._changed(
            "UPDATE mcp_sign_ins SET attempt = NULL"
            " WHERE tenant = ? AND server = ? AND attempt = ?",
            (tenant, server, attempt),
        )

    async def complete(self, tenant: str, server: str, tokens: bytes, who: str, at_ms: int) -> None:
        """Store the tokens of a completed sign-in."""
        await self._changed(
            "UPDATE mcp_sign_ins SET tokens = ?, who = ?, at_ms = ?, held_until_ms = 0"
            " WHERE tenant = ? AND server = ?",
            (tokens, who, at_ms, tenant, server),
        )

    async def hold(self, row: McpSignInRow, now_ms: int, until_ms: int) -> bool:
        """Reserve fetching new tokens to replace those in `row`; return whether that succeeded."""
        return await self._changed(
            "UPDATE mcp_sign_ins SET held_until_ms = ?"
            " WHERE tenant = ? AND server = ? AND tokens = ? AND held_until_ms <= ?",
            (until_ms, row.tenant, row.server, row.tokens, now_ms),
        )

    async def replace(self, row: McpSignInRow, tokens: bytes | None) -> bool:
        """Replace the tokens in `row` by others, or by none; return whether they were current."""
        return await self._changed(
            "UPDATE mcp_sign_ins SET tokens = ?, held_until_ms = 0"
            " WHERE tenant = ? AND server = ? AND tokens = ?",
            (tokens, row.tenant, row.server, row.tokens),
        )

    async def release(self, row: McpSignInRow) -> None:
        """Let others fetch new tokens."""
        await self._changed(
            "UPDATE mcp_sign_ins SET held_until_ms = 0"
            " WHERE tenant = ? AND server = ? AND tokens = ?",
            (row.tenant, row.server, row.tokens),
        )

    async def sign_out(self, tenant: str, server: str) -> bool:
        """Delete the tokens, and a sign-in that has begun; return whether there were tokens."""
        return await self._changed(
            "UPDATE mcp_sign_ins SET tokens = NULL, attempt = NULL, held_until_ms = 0"
            " WHERE tenant = ? AND server = ? AND tokens IS NOT NULL",
            (tenant, server),
        )

    async def seal(self, rows: Sequence[McpSignInRow]) -> None:
        """Store values that have been sealed again."""

        def work(connection: Connection) -> None:
            connection.executemany(
                "UPDATE mcp_sign_ins SET client = ?, attempt = ?, tokens = ?"
                " WHERE tenant = ? AND server = ?",
                [(row.client, row.attempt, row.tokens, row.tenant, row.server) for row in rows],
            )

        await self._writer.write(work)

    async def _changed(self, statement: str, given: tuple[object, ...]) -> bool:
        def work(connection: Connection) -> bool:
            return connection.execute(statement, given).rowcount > 0

        changed: bool = await self._writer.write(work)
        return changed
