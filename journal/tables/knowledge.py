"""The knowledge of a tenant: passages of texts, by collection and source."""

from collections.abc import Sequence

from engine.value import value
from journal.connection import Connection
from journal.errors import KnowledgeFull
from journal.reading.readers import Readers
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer

MOST_PASSAGES = 5_000
"""How many passages a collection may have."""

_BYTES_A_ROW = 500
"""A row of so many bytes takes as long to write as a row of an event."""

MOST_COLLECTIONS = 100
"""How many collections a tenant may have."""


@value(frozen=True, slots=True)
class SourceRow:
    """A source of a collection; the time is Unix milliseconds."""

    name: str
    passages: int
    characters: int
    updated_at_ms: int
    embedder: str = ""


@value(frozen=True, slots=True)
class PassageRow:
    """A passage: a part of a source, by its number from 1."""

    source: str
    number: int
    text: str


@value(frozen=True, slots=True)
class Vectors:
    """The vectors of the passages of a source, in their order.

    Attributes:
        model: The name, in definitions, of the model that makes the collection's vectors.
        embedder: Its provider's name for it.
        of_passages: 32-bit floats, little-endian, normalized to length one.
    """

    model: str
    embedder: str
    of_passages: Sequence[bytes]


@value(frozen=True, slots=True)
class CollectionRow:
    """A collection, the model of its vectors, and a `revision` that each change replaces."""

    revision: int
    model: str


class KnowledgeTable:
    """The collections of all tenants; every method is bound to one."""

    def __init__(self, writer: Writer, readers: Readers, lists: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._lists = lists

    async def put(  # noqa: PLR0913 - what is kept of a source
        self,
        tenant: str,
        collection: str,
        source: str,
        passages: Sequence[str],
        now_ms: int,
        vectors: Vectors | None = None,
    ) -> bool:
        """Store a source in place of an earlier version; return whether there was one.

        Raises `KnowledgeFull`.
        """
        place = (tenant, collection, source)
        embedder = vectors.embedder if vectors else ""
        of_passages = vectors.of_passages if vectors else [None] * len(passages)

        def work(connection: Connection) -> bool:
            was_there = _forget(connection, place)
            _make_room(connection, tenant, collection, len(passages))
            connection.execute(
                "INSERT INTO knowledge_sources VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*place, len(passages), sum(map(len, passages)), now_ms, embedder),
            )
            for number, (text, vector) in enumerate(zip(passages, of_passages, strict=True), 1):
                connection.execute(
                    "INSERT INTO knowledge_passages VALUES (?, ?, ?, ?, ?, ?)",
                    (*place, number, text, vector),
                )
            _changed(connection, tenant, collection, len(passages))
            if vectors is not None:
                connection.execute(
                    "UPDATE knowledge_collections SET model = ? WHERE tenant = ? AND name = ?",
                    (vectors.model, tenant, collection),
                )
            return was_there

        size = sum(map(len, passages)) + sum(len(vector or b"") for vector in of_passages)
        rows = max(UNCOUNTED, len(passages), size // _BYTES_A_ROW)
        found: bool = await self._writer.write(work, rows)
        return found

    async def remove(self, tenant: str, collection: str, source: str) -> bool:
        """Delete a source; return whether it existed."""

        def work(connection: Connection) -> bool:
            was_there = _forget(connection, (tenant, collection, source))
            if was_there:
                _changed(connection, tenant, collection, 0)
            return was_there

        found: bool = await self._writer.write(work, UNCOUNTED)
        return found

    async def collection(self, tenant: str, name: str) -> CollectionRow | None:
        """Return the state of a collection; None if it never existed.

        One that has become empty may use another model.
        """
        row = await self._readers.by_key(
            "SELECT revision, CASE passages WHEN 0 THEN '' ELSE model END"
            " FROM knowledge_collections WHERE tenant = ? AND name = ?",
            (tenant, name),
        )
        return None if row is None else CollectionRow(*row)

    async def sources(self, tenant: str, collection: str) -> list[SourceRow]:
        """Return the sources of a collection by name."""
        rows = await self._lists.all(
            "SELECT name, passages, characters, updated_at_ms, embedder FROM knowledge_sources"
            " WHERE tenant = ? AND collection = ? ORDER BY name",
            (tenant, collection),
        )
        return [SourceRow(*row) for row in rows]

    async def vectors(
        self, tenant: str, collection: str, embedder: str
    ) -> dict[tuple[str, int], bytes]:
        """Return the vectors that a model has made, by source and number of their passages."""
        rows = await self._lists.all(
            "SELECT p.source, p.number, p.vector FROM knowledge_passages p"
            " JOIN knowledge_sources s ON s.tenant = p.tenant AND s.collection = p.collection"
            " AND s.name = p.source WHERE p.tenant = ? AND p.collection = ? AND s.embedder = ?"
            " AND p.vector IS NOT NULL",
            (tenant, collection, embedder),
        )
        return {(source, number): vector for source, number, vector in rows}

    async def vectors_of(
        self, tenant: str, collection: str, source: str, embedder: str
    ) -> dict[str, bytes]:
        """Return the vectors that a model has made of a source's passages, by their texts."""
        rows = await self._lists.all(
            "SELECT p.text, p.vector FROM knowledge_passages p"
            " JOIN knowledge_sources s ON s.tenant = p.tenant AND s.collection = p.collection"
            " AND s.name = p.source WHERE p.tenant = ? AND p.collection = ? AND p.source = ?"
            " AND s.embedder = ? AND p.vector IS NOT NULL",
            (tenant, collection, source, embedder),
        )
        return dict(rows)

    async def passages(self, tenant: str, collection: str) -> list[PassageRow]:
        """Return all passages of a collection, by source and number."""
        rows = await self._lists.all(
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
        "INSERT INTO knowledge_collections (tenant, name, revision, passages)"
        " VALUES (?, ?, 1, ?) ON CONFLICT (tenant, name) DO UPDATE"
        " SET revision = knowledge_collections.revision + 1,"
        " passages = knowledge_collections.passages + excluded.passages",
        (tenant, collection, more),
    )
