"""What a tenant's runs know: passages of texts, by collection and source."""

from collections.abc import Sequence

from engine.value import value
from journal.connection import Connection
from journal.errors import KnowledgeFull
from journal.readers import Readers
from journal.writer import Writer

MOST_PASSAGES = 5_000
"""How many passages a collection may have."""

MOST_COLLECTIONS = 100
"""How many collections a tenant may have."""


@value(frozen=True, slots=True)
class SourceRow:
    """A source of a collection; the time is Unix milliseconds."""

    name: str
    passages: int
    characters: int
    updated_at_ms: int


@value(frozen=True, slots=True)
class PassageRow:
    """A passage: a part of a source, by its number from 1."""

    source: str
    number: int
    text: str


class KnowledgeTable:
    """The collections of all tenants; every method is bound to one."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def put(
        self, tenant: str, collection: str, source: str, passages: Sequence[str], now_ms: int
    ) -> bool:
        """Keep a source in place of what it was; return whether it was there.

        Raises `KnowledgeFull`.
        """
        place = (tenant, collection, source)

        def work(connection: Connection) -> bool:
            was_there = _forget(connection, place)
            _make_room(connection, tenant, collection, len(passages))
            connection.execute(
                "INSERT INTO knowledge_sources VALUES (?, ?, ?, ?, ?, ?)",
                (*place, len(passages), sum(map(len, passages)), now_ms),
            )
            for number, text in enumerate(passages, 1):
                connection.execute(
                    "INSERT INTO knowledge_passages VALUES (?, ?, ?, ?, ?)", (*place, number, text)
                )
            _changed(connection, tenant, collection, len(passages))
            return was_there

        found: bool = await self._writer.write(work)
        return found

    async def remove(self, tenant: str, collection: str, source: str) -> bool:
        """Forget a source; return whether it was there."""

        def work(connection: Connection) -> bool:
            was_there = _forget(connection, (tenant, collection, source))
            if was_there:
                _changed(connection, tenant, collection, 0)
            return was_there

        found: bool = await self._writer.write(work)
        return found

    async def revision(self, tenant: str, collection: str) -> int:
        """Return what is another number after each change; 0 for what was never there."""
        row = await self._readers.by_key(
            "SELECT revision FROM knowledge_collections WHERE tenant = ? AND name = ?",
            (tenant, collection),
        )
        return 0 if row is None else int(row[0])

    async def sources(self, tenant: str, collection: str) -> list[SourceRow]:
        """Return the sources of a collection by name."""
        rows = await self._readers.all(
            "SELECT name, passages, characters, updated_at_ms FROM knowledge_sources"
            " WHERE tenant = ? AND collection = ? ORDER BY name",
            (tenant, collection),
        )
        return [SourceRow(*row) for row in rows]

    async def passages(self, tenant: str, collection: str) -> list[PassageRow]:
        """Return all passages of a collection, by source and number."""
        rows = await self._readers.all(
            "SELECT source, number, text FROM knowledge_passages"
            " WHERE tenant = ? AND collection = ? ORDER BY source, number",
            (tenant, collection),
        )
        return [PassageRow(*row) for row in rows]


def _forget(connection: Connection, place: tuple[str, str, str]) -> bool:
    row = connection.execute(
        "SELECT passages FROM knowledge_sources WHERE tenant = ? AND collection = ? AND name = ?",
        place,
    ).fetchone()
    if row is None:
        return False
    connection.execute(
        "DELETE FROM knowledge_passages WHERE tenant = ? AND collection = ? AND source = ?", place
    )
    connection.execute(
        "DELETE FROM knowledge_sources WHERE tenant = ? AND collection = ? AND name = ?", place
    )
    connection.execute(
        "UPDATE knowledge_collections SET passages = passages - ? WHERE tenant = ? AND name = ?",
        (row[0], *place[:2]),
    )
    return True


def _make_room(connection: Connection, tenant: str, collection: str, more: int) -> None:
    row = connection.execute(
        "SELECT passages FROM knowledge_collections WHERE tenant = ? AND name = ?",
        (tenant, collection),
    ).fetchone()
    if (0 if row is None else row[0]) + more > MOST_PASSAGES:
        raise KnowledgeFull(f"collection {collection} may have {MOST_PASSAGES:,} passages")
    if row is not None:
        return
    (count,) = connection.execute(
        "SELECT count(*) FROM knowledge_collections WHERE tenant = ?", (tenant,)
    ).fetchone()
    if count >= MOST_COLLECTIONS:
        raise KnowledgeFull(f"a tenant may have {MOST_COLLECTIONS} collections")


def _changed(connection: Connection, tenant: str, collection: str, more: int) -> None:
    connection.execute(
        "INSERT INTO knowledge_collections VALUES (?, ?, 1, ?) ON CONFLICT (tenant, name) DO UPDATE"
        " SET revision = knowledge_collections.revision + 1,"
        " passages = knowledge_collections.passages + excluded.passages",
        (tenant, collection, more),
    )
