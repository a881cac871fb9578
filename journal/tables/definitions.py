"""Versioned definitions: workflows and agents, which are stored in the same way."""

import json
from collections.abc import Iterable

from journal.connection import Connection
from journal.errors import (
    Archived,
    ChangedMeanwhile,
    DefinitionExists,
    NotArchived,
    OpenRuns,
    UnknownVersion,
)
from journal.reading.readers import Readers
from journal.rows.columns import KEEP_ENTRY
from journal.rows.definition_rows import Kind, NewVersion
from journal.tables.definition_queries import DefinitionQueries
from journal.writing.transaction import UNCOUNTED
from journal.writing.writer import Writer


class DefinitionTable(DefinitionQueries):
    """The definitions of one kind of all tenants; every method is bound to one tenant."""

    def __init__(self, kind: Kind, writer: Writer, readers: Readers, lists: Readers) -> None:
        super().__init__(kind, readers, lists)
        self._writer = writer

    async def create(
        self, tenant: str, new: NewVersion, *, wanted_id: str | None, slug: str
    ) -> str:
        """Store the first version of a new workflow and return its id.

        The id is `wanted_id`, or `slug`, `slug-2`, ... The version is 1.0.0. If a definition of
        that id was deleted, its version numbers are not used again, since runs are pinned to them.
        Raises `DefinitionExists`.
        """

        def work(connection: Connection) -> str:
            definition_id = wanted_id or slug
            number = 2
            while _exists(self._kind, connection, tenant, definition_id):
                if wanted_id:
                    raise DefinitionExists(self._kind.word, wanted_id)
                definition_id, number = f"{slug}-{number}", number + 1
            connection.execute(
                f"INSERT INTO {self._kind.things} (tenant, id, created_at_ms, updated_at_ms)"
                " VALUES (?, ?, ?, ?)",
                (tenant, definition_id, new.now_ms, new.now_ms),
            )
            version = _first_version(self._kind, connection, tenant, definition_id)
            _insert(self._kind, connection, tenant, definition_id, 1, version, new)
            return definition_id

        return str(await self._writer.write(work))

    async def add_version(
        self, tenant: str, definition_id: str, new: NewVersion, *, of: str | None = None
    ) -> str:
        """Store the next patch version and return its number.

        Raises `Archived`, and `ChangedMeanwhile` if the newest version is not `of`.
        """

        def work(connection: Connection) -> str:
            _must_be_active(self._kind, connection, tenant, definition_id)
            rows = connection.execute(
                f"SELECT ordinal, version FROM {self._kind.versions} WHERE {self._kind.of_one}",
                (tenant, definition_id),
            ).fetchall()
            ordinal, newest = max(rows)
            if of not in (None, newest):
                raise ChangedMeanwhile(self._kind.word, definition_id)
            version = _next(version for _, version in rows)
            _insert(self._kind, connection, tenant, definition_id, ordinal + 1, version, new)
            _touch(self._kind, connection, tenant, definition_id, new.now_ms)
            return version

        return str(await self._writer.write(work))

    async def archive(self, tenant: str, definition_id: str, now_ms: int) -> None:
        """Archive a workflow; repeating this changes nothing."""

        def work(connection: Connection) -> None:
            if not _is_archived(self._kind, connection, tenant, definition_id):
                connection.execute(
                    f"UPDATE {self._kind.things} SET archived = true, updated_at_ms = ?"
                    " WHERE tenant = ? AND id = ?",
                    (now_ms, tenant, definition_id),
                )

        await self._writer.write(work)

    async def unarchive(self, tenant: str, definition_id: str, now_ms: int) -> None:
        """Bring an archived workflow back as a draft, unpublished. Raises `NotArchived`."""

        def work(connection: Connection) -> None:
            if not _is_archived(self._kind, connection, tenant, definition_id):
                raise NotArchived(self._kind.word, definition_id, "")
            connection.execute(
                f"UPDATE {self._kind.things} SET archived = false, published_version = NULL,"
                " updated_at_ms = ? WHERE tenant = ? AND id = ?",
                (now_ms, tenant, definition_id),
            )
            connection.execute(
                f"UPDATE {self._kind.versions} SET status = 'draft' WHERE {self._kind.of_one}",
                (tenant, definition_id),
            )

        await self._writer.write(work)

    async def publish(
        self, tenant: str, definition_id: str, version: str | None, now_ms: int
    ) -> str:
        """Move the published mark to `version`, the newest when None, and return its number."""

        def work(connection: Connection) -> str:
            _must_be_active(self._kind, connection, tenant, definition_id)
            rows = list(
                connection.execute(
                    f"SELECT version FROM {self._kind.versions} WHERE {self._kind.of_one}"
                    " AND (? IS NULL OR version = ?) ORDER BY ordinal DESC LIMIT 1",
                    (tenant, definition_id, version, version),
                )
            )
            if not rows:
                raise UnknownVersion(self._kind.word, definition_id, str(version))
            chosen = str(rows[0][0])
            where = (tenant, definition_id)
            connection.execute(
                f"UPDATE {self._kind.versions} SET status = 'draft'"
                f" WHERE {self._kind.of_one} AND status = 'published'",
                where,
            )
            connection.execute(
                f"UPDATE {self._kind.versions} SET status = 'published', published_at_ms = ?"
                f" WHERE {self._kind.of_one} AND version = ?",
                (now_ms, *where, chosen),
            )
            connection.execute(
                f"UPDATE {self._kind.things} SET published_version = ?, updated_at_ms = ?"
                " WHERE tenant = ? AND id = ?",
                (chosen, now_ms, *where),
            )
            return chosen

        return str(await self._writer.write(work))

    async def delete(self, tenant: str, definition_id: str) -> None:
        """Delete an archived workflow with all versions; its past runs stay readable.

        Raises `NotArchived`, or `OpenRuns` while runs of it have not ended.
        """

        def work(connection: Connection) -> None:
            if not _is_archived(self._kind, connection, tenant, definition_id):
                raise NotArchived(self._kind.word, definition_id, "; archive it first")
            if self._kind.has_runs:
                _must_have_no_open_runs(connection, tenant, definition_id)
            rows = connection.execute(
                f"SELECT version FROM {self._kind.versions} WHERE {self._kind.of_one}",
                (tenant, definition_id),
            )
            connection.execute(
                KEEP_ENTRY,
                (
                    _key_of_next(self._kind, tenant, definition_id),
                    _next(version for (version,) in rows),
                ),
            )
            connection.execute(
                f"DELETE FROM {self._kind.things} WHERE tenant = ? AND id = ?",
                (tenant, definition_id),
            )

        await self._writer.write(work, UNCOUNTED)


def _parts(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def _next(versions: Iterable[str]) -> str:
    """Return the patch version after the largest."""
    major, minor, patch = max(map(_parts, versions))
    return f"{major}.{minor}.{patch + 1}"


def _key_of_next(kind: Kind, tenant: str, definition_id: str) -> str:
    """Return the key in `meta` of the first version number after a deleted definition's."""
    return json.dumps(["next version", kind.word, tenant, definition_id])


def _first_version(kind: Kind, connection: Connection, tenant: str, definition_id: str) -> str:
    rows = list(
        connection.execute(
            "SELECT value FROM meta WHERE key = ?", (_key_of_next(kind, tenant, definition_id),)
        )
    )
    return str(rows[0][0]) if rows else "1.0.0"


def _exists(kind: Kind, connection: Connection, tenant: str, definition_id: str) -> bool:
    found = connection.execute(
        f"SELECT 1 FROM {kind.things} WHERE tenant = ? AND id = ?", (tenant, definition_id)
    )
    return found.fetchone() is not None


def _is_archived(kind: Kind, connection: Connection, tenant: str, definition_id: str) -> bool:
    rows = list(
        connection.execute(
            f"SELECT archived FROM {kind.things} WHERE tenant = ? AND id = ?",
            (tenant, definition_id),
        )
    )
    if not rows:
        raise kind.unknown(definition_id)
    return bool(rows[0][0])


def _must_have_no_open_runs(connection: Connection, tenant: str, definition_id: str) -> None:
    ((count,),) = connection.execute(
        "SELECT count(*) FROM runs WHERE tenant = ? AND workflow_id = ?"
        " AND status IN ('running', 'paused')",
        (tenant, definition_id),
    )
    if count:
        raise OpenRuns(definition_id, count)


def _must_be_active(kind: Kind, connection: Connection, tenant: str, definition_id: str) -> None:
    if _is_archived(kind, connection, tenant, definition_id):
        raise Archived(kind.word, definition_id)


def _insert(  # noqa: PLR0913 - a row
    kind: Kind,
    connection: Connection,
    tenant: str,
    definition_id: str,
    ordinal: int,
    version: str,
    new: NewVersion,
) -> None:
    definition = json.dumps(new.definition, ensure_ascii=False, separators=(",", ":"))
    connection.execute(
        f"INSERT INTO {kind.versions} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            tenant,
            definition_id,
            ordinal,
            version,
            new.status,
            new.name,
            new.description,
            definition,
            new.now_ms,
        ),
    )


def _touch(
    kind: Kind, connection: Connection, tenant: str, definition_id: str, now_ms: int
) -> None:
    connection.execute(
        f"UPDATE {kind.things} SET updated_at_ms = ? WHERE tenant = ? AND id = ?",
        (now_ms, tenant, definition_id),
    )
