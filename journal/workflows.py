"""Workflows and their versions."""

import json
from dataclasses import dataclass, fields
from typing import Any

import aiosqlite

from engine import JsonObject
from journal.errors import (
    Archived,
    NotArchived,
    OpenRuns,
    UnknownVersion,
    UnknownWorkflow,
    WorkflowExists,
)
from journal.readers import Readers
from journal.writer import Writer


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version of a workflow, with what lists show. Times are Unix milliseconds.

    Attributes:
        status: `archived` when the workflow is, else the version's own.
        definition: The document as it was saved; empty where a list does not need it.
    """

    id: str
    version: str
    status: str
    name: str
    description: str
    definition: JsonObject
    created_at_ms: int
    updated_at_ms: int
    published_at_ms: int | None
    archived: bool


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A checked definition to be stored."""

    name: str
    description: str
    definition: JsonObject
    status: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class WorkflowFilter:
    """Which workflows are asked for; None does not filter."""

    search: str | None = None
    status: str | None = None
    include_archived: bool = False
    limit: int | None = None
    offset: int = 0


_NEWEST = """
    SELECT w.id, v.version, iif(w.archived, 'archived', v.status), v.name, v.description,
           {definition}, w.created_at_ms, {updated}, v.published_at_ms, w.archived
    FROM workflows w JOIN versions v ON v.tenant = w.tenant AND v.workflow_id = w.id
"""
_WHOLE = _NEWEST.format(definition="v.definition", updated="w.updated_at_ms")
_BRIEF = _NEWEST.format(definition="'{}'", updated="w.updated_at_ms")
_VERSIONS = _NEWEST.format(definition="'{}'", updated="v.created_at_ms").replace(
    "w.created_at_ms", "v.created_at_ms"
)
_IS_NEWEST = """v.ordinal = (SELECT max(ordinal) FROM versions
                             WHERE tenant = w.tenant AND workflow_id = w.id)"""


class WorkflowTable:
    """The workflows of all tenants; every method is bound to one."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def create(
        self, tenant: str, new: NewVersion, *, wanted_id: str | None, slug: str
    ) -> str:
        """Store version 1.0.0 of a new workflow and give its id.

        The id is `wanted_id`, or `slug`, `slug-2`, ... Raises `WorkflowExists`.
        """

        async def work(connection: aiosqlite.Connection) -> str:
            workflow_id = wanted_id or slug
            number = 2
            while await _exists(connection, tenant, workflow_id):
                if wanted_id:
                    raise WorkflowExists(wanted_id)
                workflow_id, number = f"{slug}-{number}", number + 1
            await connection.execute_fetchall(
                "INSERT INTO workflows (tenant, id, created_at_ms, updated_at_ms)"
                " VALUES (?, ?, ?, ?)",
                (tenant, workflow_id, new.now_ms, new.now_ms),
            )
            await _insert(connection, tenant, workflow_id, 1, "1.0.0", new)
            return workflow_id

        return str(await self._writer.write(work))

    async def add_version(self, tenant: str, workflow_id: str, new: NewVersion) -> str:
        """Store the next patch version and give its number. Raises `Archived`."""

        async def work(connection: aiosqlite.Connection) -> str:
            await _must_be_active(connection, tenant, workflow_id)
            rows = await connection.execute_fetchall(
                "SELECT ordinal, version FROM versions WHERE tenant = ? AND workflow_id = ?",
                (tenant, workflow_id),
            )
            ordinal = max(ordinal for ordinal, _ in rows) + 1
            major, minor, patch = max(_parts(version) for _, version in rows)
            version = f"{major}.{minor}.{patch + 1}"
            await _insert(connection, tenant, workflow_id, ordinal, version, new)
            await _touch(connection, tenant, workflow_id, new.now_ms)
            return version

        return str(await self._writer.write(work))

    async def get(self, tenant: str, workflow_id: str, selector: str) -> VersionRow:
        """Give the version that `latest`, `published` or a number selects.

        Raises `UnknownWorkflow` or `UnknownVersion`.
        """
        which = {
            "latest": _IS_NEWEST,
            "published": "v.version = w.published_version",
        }.get(selector, "v.version = ?")
        values = (
            (tenant, workflow_id)
            if selector in ("latest", "published")
            else (tenant, workflow_id, selector)
        )
        row = await self._readers.one(
            f"{_WHOLE} WHERE w.tenant = ? AND w.id = ? AND {which}", values
        )
        if row is None:
            await self._must_exist(tenant, workflow_id)
            raise UnknownVersion(workflow_id, selector)
        return _version(row)

    async def startable(self, tenant: str, workflow_id: str) -> VersionRow:
        """Give the published version if there is one, else the latest."""
        row = await self._readers.one(
            f"{_WHOLE} WHERE w.tenant = ? AND w.id = ? AND"
            f" iif(w.published_version IS NULL, {_IS_NEWEST}, v.version = w.published_version)",
            (tenant, workflow_id),
        )
        if row is None:
            raise UnknownWorkflow(workflow_id)
        return _version(row)

    async def versions(self, tenant: str, workflow_id: str) -> list[VersionRow]:
        """Give all versions without their definitions, newest first."""
        rows = await self._readers.all(
            f"{_VERSIONS} WHERE w.tenant = ? AND w.id = ? ORDER BY v.ordinal DESC",
            (tenant, workflow_id),
        )
        if not rows:
            raise UnknownWorkflow(workflow_id)
        return [_version(row) for row in rows]

    async def search(self, tenant: str, wanted: WorkflowFilter) -> list[VersionRow]:
        """Give the newest version of each workflow, the last changed first."""
        conditions, values = [f"w.tenant = ? AND {_IS_NEWEST}"], [tenant]
        if wanted.status == "archived":
            conditions.append("w.archived")
        elif not wanted.include_archived or wanted.status is not None:
            conditions.append("NOT w.archived")
        if wanted.status == "published":
            conditions.append("w.published_version IS NOT NULL")
        elif wanted.status in ("draft", "testing"):
            conditions.append("v.status = ?")
            values.append(wanted.status)
        if wanted.search:
            conditions.append(
                "(lower(v.name) LIKE ? ESCAPE '\\' OR lower(v.description) LIKE ? ESCAPE '\\')"
            )
            values += [_like(wanted.search)] * 2
        limit = -1 if wanted.limit is None else wanted.limit
        rows = await self._readers.all(
            f"{_BRIEF} WHERE {' AND '.join(conditions)}"
            " ORDER BY w.updated_at_ms DESC, w.id LIMIT ? OFFSET ?",
            (*values, limit, wanted.offset),
        )
        return [_version(row) for row in rows]

    async def archive(self, tenant: str, workflow_id: str, now_ms: int) -> None:
        """Archive a workflow; once more changes nothing."""

        async def work(connection: aiosqlite.Connection) -> None:
            if not await _is_archived(connection, tenant, workflow_id):
                await connection.execute_fetchall(
                    "UPDATE workflows SET archived = 1, updated_at_ms = ?"
                    " WHERE tenant = ? AND id = ?",
                    (now_ms, tenant, workflow_id),
                )

        await self._writer.write(work)

    async def unarchive(self, tenant: str, workflow_id: str, now_ms: int) -> None:
        """Bring an archived workflow back as a draft, unpublished. Raises `NotArchived`."""

        async def work(connection: aiosqlite.Connection) -> None:
            if not await _is_archived(connection, tenant, workflow_id):
                raise NotArchived(workflow_id)
            await connection.execute_fetchall(
                "UPDATE workflows SET archived = 0, published_version = NULL, updated_at_ms = ?"
                " WHERE tenant = ? AND id = ?",
                (now_ms, tenant, workflow_id),
            )
            await connection.execute_fetchall(
                "UPDATE versions SET status = 'draft' WHERE tenant = ? AND workflow_id = ?",
                (tenant, workflow_id),
            )

        await self._writer.write(work)

    async def publish(self, tenant: str, workflow_id: str, version: str | None, now_ms: int) -> str:
        """Move the published mark to `version`, the newest when None, and give its number."""

        async def work(connection: aiosqlite.Connection) -> str:
            await _must_be_active(connection, tenant, workflow_id)
            rows = list(
                await connection.execute_fetchall(
                    "SELECT version FROM versions WHERE tenant = ? AND workflow_id = ?"
                    " AND (? IS NULL OR version = ?) ORDER BY ordinal DESC LIMIT 1",
                    (tenant, workflow_id, version, version),
                )
            )
            if not rows:
                raise UnknownVersion(workflow_id, str(version))
            chosen = str(rows[0][0])
            where = (tenant, workflow_id)
            await connection.execute_fetchall(
                "UPDATE versions SET status = 'draft'"
                " WHERE tenant = ? AND workflow_id = ? AND status = 'published'",
                where,
            )
            await connection.execute_fetchall(
                "UPDATE versions SET status = 'published', published_at_ms = ?"
                " WHERE tenant = ? AND workflow_id = ? AND version = ?",
                (now_ms, *where, chosen),
            )
            await connection.execute_fetchall(
                "UPDATE workflows SET published_version = ?, updated_at_ms = ?"
                " WHERE tenant = ? AND id = ?",
                (chosen, now_ms, *where),
            )
            return chosen

        return str(await self._writer.write(work))

    async def delete(self, tenant: str, workflow_id: str) -> None:
        """Delete an archived workflow with all versions; its past runs stay readable.

        Raises `NotArchived`, or `OpenRuns` while runs of it have not ended.
        """

        async def work(connection: aiosqlite.Connection) -> None:
            if not await _is_archived(connection, tenant, workflow_id):
                raise NotArchived(workflow_id)
            ((count,),) = await connection.execute_fetchall(
                "SELECT count(*) FROM runs WHERE tenant = ? AND workflow_id = ?"
                " AND ended_at_ms IS NULL",
                (tenant, workflow_id),
            )
            if count:
                raise OpenRuns(workflow_id, count)
            await connection.execute_fetchall(
                "DELETE FROM workflows WHERE tenant = ? AND id = ?", (tenant, workflow_id)
            )

        await self._writer.write(work)

    async def _must_exist(self, tenant: str, workflow_id: str) -> None:
        found = await self._readers.one(
            "SELECT 1 FROM workflows WHERE tenant = ? AND id = ?", (tenant, workflow_id)
        )
        if found is None:
            raise UnknownWorkflow(workflow_id)


def _version(row: Any) -> VersionRow:
    names = [field.name for field in fields(VersionRow)]
    values = dict(zip(names, row, strict=True))
    return VersionRow(
        **{**values, "definition": json.loads(row[5]), "archived": bool(values["archived"])}
    )


def _parts(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def _like(search: str) -> str:
    escaped = search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def _exists(connection: aiosqlite.Connection, tenant: str, workflow_id: str) -> bool:
    return bool(
        await connection.execute_fetchall(
            "SELECT 1 FROM workflows WHERE tenant = ? AND id = ?", (tenant, workflow_id)
        )
    )


async def _is_archived(connection: aiosqlite.Connection, tenant: str, workflow_id: str) -> bool:
    rows = list(
        await connection.execute_fetchall(
            "SELECT archived FROM workflows WHERE tenant = ? AND id = ?", (tenant, workflow_id)
        )
    )
    if not rows:
        raise UnknownWorkflow(workflow_id)
    return bool(rows[0][0])


async def _must_be_active(connection: aiosqlite.Connection, tenant: str, workflow_id: str) -> None:
    if await _is_archived(connection, tenant, workflow_id):
        raise Archived(workflow_id)


async def _insert(  # noqa: PLR0913 - a row
    connection: aiosqlite.Connection,
    tenant: str,
    workflow_id: str,
    ordinal: int,
    version: str,
    new: NewVersion,
) -> None:
    definition = json.dumps(new.definition, ensure_ascii=False, separators=(",", ":"))
    await connection.execute_fetchall(
        "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            tenant,
            workflow_id,
            ordinal,
            version,
            new.status,
            new.name,
            new.description,
            definition,
            new.now_ms,
        ),
    )


async def _touch(
    connection: aiosqlite.Connection, tenant: str, workflow_id: str, now_ms: int
) -> None:
    await connection.execute_fetchall(
        "UPDATE workflows SET updated_at_ms = ? WHERE tenant = ? AND id = ?",
        (now_ms, tenant, workflow_id),
    )
