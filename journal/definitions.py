"""Versioned definitions: workflows, and agents, which are kept the same way."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from journal.definition_rows import DefinitionFilter, Kind, NewVersion, VersionRow
from journal.errors import (
    Archived,
    DefinitionExists,
    NotArchived,
    OpenRuns,
    UnknownVersion,
)
from journal.readers import Readers
from journal.writer import Writer

_NEWEST = """
    SELECT w.id, v.version, iif(w.archived, 'archived', v.status), v.name, v.description,
           {definition}, w.created_at_ms, {updated}, v.published_at_ms, w.archived
    FROM {things} w JOIN {versions} v ON v.tenant = w.tenant AND v.{owner} = w.id
"""
_IS_NEWEST = """v.ordinal = (SELECT max(ordinal) FROM {versions}
                             WHERE tenant = w.tenant AND {owner} = w.id{and_status})"""


class DefinitionTable:
    """The definitions of one kind of all tenants; every method is bound to one tenant."""

    def __init__(self, kind: Kind, writer: Writer, readers: Readers) -> None:
        self._kind = kind
        names = {"things": kind.things, "versions": kind.versions, "owner": kind.owner}
        self._whole = _NEWEST.format(**names, definition="v.definition", updated="w.updated_at_ms")
        self._brief = _NEWEST.format(**names, definition="'{}'", updated="w.updated_at_ms")
        self._versions = _NEWEST.format(
            **names, definition="'{}'", updated="v.created_at_ms"
        ).replace("w.created_at_ms", "v.created_at_ms")
        self._is_newest = _IS_NEWEST.format(**names, and_status="")
        self._is_newest_of_status = _IS_NEWEST.format(**names, and_status=" AND status = ?")
        self._writer = writer
        self._readers = readers

    async def create(
        self, tenant: str, new: NewVersion, *, wanted_id: str | None, slug: str
    ) -> str:
        """Store the first version of a new workflow and return its id.

        The id is `wanted_id`, or `slug`, `slug-2`, ... The version is 1.0.0; where one of that
        id was deleted, its numbers are not used again, since runs of it are pinned to them.
        Raises `DefinitionExists`.
        """

        def work(connection: sqlite3.Connection) -> str:
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

    async def add_version(self, tenant: str, definition_id: str, new: NewVersion) -> str:
        """Store the next patch version and return its number. Raises `Archived`."""

        def work(connection: sqlite3.Connection) -> str:
            _must_be_active(self._kind, connection, tenant, definition_id)
            rows = connection.execute(
                f"SELECT ordinal, version FROM {self._kind.versions} WHERE {self._kind.of_one}",
                (tenant, definition_id),
            ).fetchall()
            ordinal = max(ordinal for ordinal, _ in rows) + 1
            version = _next(version for _, version in rows)
            _insert(self._kind, connection, tenant, definition_id, ordinal, version, new)
            _touch(self._kind, connection, tenant, definition_id, new.now_ms)
            return version

        return str(await self._writer.write(work))

    async def get(self, tenant: str, definition_id: str, selector: str) -> VersionRow:
        """Return the version that `latest`, `published` or a number selects.

        Raises `UnknownWorkflow` or `UnknownVersion`.
        """
        which = {
            "latest": self._is_newest,
            "published": "v.version = w.published_version",
        }.get(selector, "v.version = ?")
        values = (
            (tenant, definition_id)
            if selector in ("latest", "published")
            else (tenant, definition_id, selector)
        )
        row = await self._readers.one(
            f"{self._whole} WHERE w.tenant = ? AND w.id = ? AND {which}", values
        )
        if row is None:
            await self._must_exist(tenant, definition_id)
            raise UnknownVersion(self._kind.word, definition_id, selector)
        return _version(row)

    async def chosen(self, tenant: str, definition_id: str, selector: str | None) -> VersionRow:
        """Return the version a selector names; without one the published, else the latest."""
        if selector is not None:
            return await self.get(tenant, definition_id, selector)
        row = await self._readers.one(
            f"{self._whole} WHERE w.tenant = ? AND w.id = ? AND"
            f" iif(w.published_version IS NULL, {self._is_newest},"
            " v.version = w.published_version)",
            (tenant, definition_id),
        )
        if row is None:
            raise self._kind.unknown(definition_id)
        return _version(row)

    async def versions(self, tenant: str, definition_id: str) -> list[VersionRow]:
        """Return all versions without their definitions, newest first."""
        rows = await self._readers.all(
            f"{self._versions} WHERE w.tenant = ? AND w.id = ? ORDER BY v.ordinal DESC",
            (tenant, definition_id),
        )
        if not rows:
            raise self._kind.unknown(definition_id)
        return [_version(row) for row in rows]

    async def search(self, tenant: str, wanted: DefinitionFilter) -> list[VersionRow]:
        """Return the newest version (of a status) of each workflow, the last changed first."""
        which, values = self._is_newest, [tenant]
        if wanted.status == "published":
            which = "v.version = w.published_version"
        elif wanted.status in ("draft", "testing"):
            which, values = self._is_newest_of_status, [tenant, wanted.status]
        conditions = [f"w.tenant = ? AND {which}"]
        if wanted.status is not None or not wanted.include_archived:
            conditions.append("w.archived" if wanted.status == "archived" else "NOT w.archived")
        if wanted.search:
            conditions.append(
                "(lower(v.name) LIKE ? ESCAPE '\\' OR lower(v.description) LIKE ? ESCAPE '\\')"
            )
            values += [_like(wanted.search)] * 2
        limit = -1 if wanted.limit is None else wanted.limit
        rows = await self._readers.all(
            f"{self._brief} WHERE {' AND '.join(conditions)}"
            " ORDER BY w.updated_at_ms DESC, w.id LIMIT ? OFFSET ?",
            (*values, limit, wanted.offset),
        )
        return [_version(row) for row in rows]

    async def ids(self, tenant: str, named: list[str], limit: int) -> list[str]:
        """Return ids of those that are not archived: `limit` of them, `named` ones first."""
        order = "NOT archived ORDER BY id NOT IN (SELECT value FROM json_each(?)), id LIMIT ?"
        sql = f"SELECT id FROM {self._kind.things} WHERE tenant = ? AND {order}"
        return [row[0] for row in await self._readers.all(sql, (tenant, json.dumps(named), limit))]

    async def with_step(self, tenant: str, key: str, value: str, limit: int) -> list[VersionRow]:
        """Return definitions that have a step whose `key` is `value`, by name, at most `limit`.

        Looked at are the newest version and the published one of each that is not archived.
        """
        rows = await self._readers.all(
            f"{self._brief} WHERE w.tenant = ? AND NOT w.archived"
            f" AND ({self._is_newest} OR v.version = w.published_version)"
            " AND instr(v.definition, ?)"  # few have it at all: only those are parsed
            " AND EXISTS (SELECT 1 FROM json_each(v.definition, '$.steps') s"
            " WHERE json_extract(s.value, ?) = ?)"
            " GROUP BY w.id ORDER BY v.name, w.id LIMIT ?",
            (tenant, value, f'$."{key}"', value, limit),
        )
        return [_version(row) for row in rows]

    async def archive(self, tenant: str, definition_id: str, now_ms: int) -> None:
        """Archive a workflow; once more changes nothing."""

        def work(connection: sqlite3.Connection) -> None:
            if not _is_archived(self._kind, connection, tenant, definition_id):
                connection.execute(
                    f"UPDATE {self._kind.things} SET archived = 1, updated_at_ms = ?"
                    " WHERE tenant = ? AND id = ?",
                    (now_ms, tenant, definition_id),
                )

        await self._writer.write(work)

    async def unarchive(self, tenant: str, definition_id: str, now_ms: int) -> None:
        """Bring an archived workflow back as a draft, unpublished. Raises `NotArchived`."""

        def work(connection: sqlite3.Connection) -> None:
            if not _is_archived(self._kind, connection, tenant, definition_id):
                raise NotArchived(self._kind.word, definition_id)
            connection.execute(
                f"UPDATE {self._kind.things} SET archived = 0, published_version = NULL,"
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

        def work(connection: sqlite3.Connection) -> str:
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

        def work(connection: sqlite3.Connection) -> None:
            if not _is_archived(self._kind, connection, tenant, definition_id):
                raise NotArchived(self._kind.word, definition_id)
            if self._kind.has_runs:
                _must_have_no_open_runs(connection, tenant, definition_id)
            rows = connection.execute(
                f"SELECT version FROM {self._kind.versions} WHERE {self._kind.of_one}",
                (tenant, definition_id),
            )
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (
                    _key_of_next(self._kind, tenant, definition_id),
                    _next(version for (version,) in rows),
                ),
            )
            connection.execute(
                f"DELETE FROM {self._kind.things} WHERE tenant = ? AND id = ?",
                (tenant, definition_id),
            )

        await self._writer.write(work)

    async def _must_exist(self, tenant: str, definition_id: str) -> None:
        found = await self._readers.one(
            f"SELECT 1 FROM {self._kind.things} WHERE tenant = ? AND id = ?",
            (tenant, definition_id),
        )
        if found is None:
            raise self._kind.unknown(definition_id)


def _version(row: Any) -> VersionRow:
    names = [field.name for field in fields(VersionRow)]
    values = dict(zip(names, row, strict=True))
    return VersionRow(
        **{**values, "definition": json.loads(row[5]), "archived": bool(values["archived"])}
    )


def _parts(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def _next(versions: Iterable[str]) -> str:
    """Return the patch version after the largest."""
    major, minor, patch = max(map(_parts, versions))
    return f"{major}.{minor}.{patch + 1}"


def _key_of_next(kind: Kind, tenant: str, definition_id: str) -> str:
    """Return the key in `meta` of the version with which a deleted one would begin again."""
    return json.dumps(["next version", kind.word, tenant, definition_id])


def _first_version(
    kind: Kind, connection: sqlite3.Connection, tenant: str, definition_id: str
) -> str:
    rows = list(
        connection.execute(
            "SELECT value FROM meta WHERE key = ?", (_key_of_next(kind, tenant, definition_id),)
        )
    )
    return str(rows[0][0]) if rows else "1.0.0"


def _like(search: str) -> str:
    escaped = search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _exists(kind: Kind, connection: sqlite3.Connection, tenant: str, definition_id: str) -> bool:
    found = connection.execute(
        f"SELECT 1 FROM {kind.things} WHERE tenant = ? AND id = ?", (tenant, definition_id)
    )
    return found.fetchone() is not None


def _is_archived(
    kind: Kind, connection: sqlite3.Connection, tenant: str, definition_id: str
) -> bool:
    rows = list(
        connection.execute(
            f"SELECT archived FROM {kind.things} WHERE tenant = ? AND id = ?",
            (tenant, definition_id),
        )
    )
    if not rows:
        raise kind.unknown(definition_id)
    return bool(rows[0][0])


def _must_have_no_open_runs(
    connection: sqlite3.Connection, tenant: str, definition_id: str
) -> None:
    ((count,),) = connection.execute(
        "SELECT count(*) FROM runs WHERE tenant = ? AND workflow_id = ? AND ended_at_ms IS NULL",
        (tenant, definition_id),
    )
    if count:
        raise OpenRuns(definition_id, count)


def _must_be_active(
    kind: Kind, connection: sqlite3.Connection, tenant: str, definition_id: str
) -> None:
    if _is_archived(kind, connection, tenant, definition_id):
        raise Archived(kind.word, definition_id)


def _insert(  # noqa: PLR0913 - a row
    kind: Kind,
    connection: sqlite3.Connection,
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
    kind: Kind, connection: sqlite3.Connection, tenant: str, definition_id: str, now_ms: int
) -> None:
    connection.execute(
        f"UPDATE {kind.things} SET updated_at_ms = ? WHERE tenant = ? AND id = ?",
        (now_ms, tenant, definition_id),
    )
