"""Reading versioned definitions: one, its versions, and lists of them."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from journal.connection import ALL_ROWS
from journal.errors import UnknownVersion
from journal.reading.readers import Readers
from journal.rows.definition_rows import DefinitionFilter, Kind, MarkedVersions, VersionRow

_NEWEST = """
    SELECT w.id, v.version, iif(w.archived, 'archived', v.status), v.name, v.description,
           {definition}, w.created_at_ms, {updated}, v.published_at_ms, w.archived
    FROM {things} w {how} JOIN {versions} v ON v.tenant = w.tenant AND v.{owner} = w.id
"""
_BY_CHANGE = "INDEXED BY {things}_by_change CROSS"
_IS_NEWEST = """v.ordinal = (SELECT max(ordinal) FROM {versions}
                             WHERE tenant = w.tenant AND {owner} = w.id{and_status})"""


class DefinitionQueries:
    """Queries over the definitions of one kind; every method is for one tenant."""

    def __init__(self, kind: Kind, readers: Readers, lists: Readers) -> None:
        self._kind = kind
        names = {"things": kind.things, "versions": kind.versions, "owner": kind.owner, "how": ""}
        self._whole = _NEWEST.format(**names, definition="v.definition", updated="w.updated_at_ms")
        self._brief = _NEWEST.format(**names, definition="'{}'", updated="w.updated_at_ms")
        self._by_change = _NEWEST.format(
            **{**names, "how": _BY_CHANGE.format(**names)},
            definition="'{}'", updated="w.updated_at_ms",
        )  # fmt: skip
        self._versions = _NEWEST.format(
            **names, definition="'{}'", updated="v.created_at_ms"
        ).replace("w.created_at_ms", "v.created_at_ms")
        self._is_newest = _IS_NEWEST.format(**names, and_status="")
        self._is_newest_of_status = _IS_NEWEST.format(**names, and_status=" AND status = ?")
        self._readers = readers
        self._lists = lists

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
        row = await self._readers.by_key(
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
        row = await self._readers.by_key(
            f"{self._whole} WHERE w.tenant = ? AND w.id = ? AND"
            f" iif(w.published_version IS NULL, {self._is_newest},"
            " v.version = w.published_version)",
            (tenant, definition_id),
        )
        if row is None:
            raise self._kind.unknown(definition_id)
        return _version(row)

    async def versions(
        self, tenant: str, definition_id: str, *, limit: int | None = None, offset: int = 0
    ) -> list[VersionRow]:
        """Return versions without their definitions, newest first; all without a `limit`."""
        rows = await self._lists.all(
            f"{self._versions} WHERE w.tenant = ? AND w.id = ? ORDER BY v.ordinal DESC"
            " LIMIT ? OFFSET ?",
            (tenant, definition_id, ALL_ROWS if limit is None else limit, offset),
        )
        if not rows:
            await self._must_exist(tenant, definition_id)
        return [_version(row) for row in rows]

    async def marked(self, tenant: str, definition_id: str) -> MarkedVersions:
        """Return which version is the newest, and which is published."""
        row = await self._readers.by_key(
            "SELECT v.version, iif(w.archived, NULL, w.published_version)"
            f" FROM {self._kind.things} w JOIN {self._kind.versions} v"
            f" ON v.tenant = w.tenant AND v.{self._kind.owner} = w.id"
            " WHERE w.tenant = ? AND w.id = ? ORDER BY v.ordinal DESC LIMIT 1",
            (tenant, definition_id),
        )
        if row is None:
            raise self._kind.unknown(definition_id)
        return MarkedVersions(*row)

    async def marked_as_tools(self, tenant: str, after: str, limit: int) -> list[str]:
        """Return the ids, after `after`, of definitions whose default version is marked as a tool.

        Ordered by id, without archived ones.
        """
        rows = await self._lists.all(
            f"SELECT w.id FROM {self._kind.things} w JOIN {self._kind.versions} v"
            f" ON v.tenant = w.tenant AND v.{self._kind.owner} = w.id"
            " WHERE w.tenant = ? AND w.id > ? AND NOT w.archived AND"
            f" iif(w.published_version IS NULL, {self._is_newest},"
            " v.version = w.published_version)"
            " AND CAST(json_extract(v.definition, '$.tool') AS TEXT) IN ('1', 'true')"
            " ORDER BY w.id LIMIT ?",
            (tenant, after, limit),
        )
        return [definition_id for (definition_id,) in rows]

    async def search(self, tenant: str, wanted: DefinitionFilter) -> list[VersionRow]:
        """Return the newest version (of a status) of each workflow, the last changed first."""
        if "\0" in (wanted.search or ""):
            return []  # LIKE ends there, so that it would match everything
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
        limit = ALL_ROWS if wanted.limit is None else wanted.limit
        rows = await self._lists.all(
            f"{self._by_change} WHERE {' AND '.join(conditions)}"
            " ORDER BY w.updated_at_ms DESC, w.id LIMIT ? OFFSET ?",
            (*values, limit, wanted.offset),
        )
        return [_version(row) for row in rows]

    async def ids(self, tenant: str, named: list[str], limit: int) -> list[str]:
        """Return at most `limit` ids of unarchived definitions, the `named` ones first."""
        order = "NOT archived ORDER BY id NOT IN (SELECT value FROM json_each(?)), id LIMIT ?"
        sql = f"SELECT id FROM {self._kind.things} WHERE tenant = ? AND {order}"
        return [row[0] for row in await self._lists.all(sql, (tenant, json.dumps(named), limit))]

    async def names(self, tenant: str, ids: Iterable[str]) -> dict[str, str]:
        """Return the newest names of definitions by id; an unknown id is its own name."""
        wanted = sorted(set(ids))
        rows = await self._lists.all(
            f"{self._brief} WHERE w.tenant = ? AND w.id IN (SELECT value FROM json_each(?))"
            f" AND {self._is_newest}",
            (tenant, json.dumps(wanted)),
        )
        return dict(zip(wanted, wanted, strict=True)) | {row[0]: row[3] for row in rows}

    async def with_step(self, tenant: str, key: str, value: str, limit: int) -> list[VersionRow]:
        """Return definitions that have a step whose `key` is `value`, by name, at most `limit`.

        The step may be in a body; a branch names a workflow by `workflow`. The newest and the
        published version of each definition that is not archived are searched.
        """
        rows = await self._lists.all(
            f"{self._brief} WHERE w.tenant = ? AND NOT w.archived"
            f" AND ({self._is_newest} OR v.version = w.published_version)"
            " AND instr(v.definition, ?) > 0"  # few contain it at all, and only those are parsed
            " AND EXISTS (SELECT 1 FROM json_tree(v.definition) t WHERE t.atom = ? AND ("
            "t.key = ? AND t.path GLOB '*.steps[[]*]' OR"
            " t.key = 'workflow' AND ? = 'workflowId' AND t.path GLOB '*.branches.*'))"
            " ORDER BY v.name, w.id LIMIT ?",
            (tenant, value, value, key, key, 2 * limit),
        )
        found: dict[str, VersionRow] = {}
        for row in rows:
            found.setdefault(row[0], _version(row))
        return list(found.values())[:limit]

    async def _must_exist(self, tenant: str, definition_id: str) -> None:
        found = await self._readers.by_key(
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


def _like(search: str) -> str:
    escaped = search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
