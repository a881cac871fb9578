"""The versions of a workflow or agent, listed a page at a time and compared."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.web.console.definitions.compare import CompareQuery, compare
from journal import DefinitionTable, MarkedVersions, VersionRow

_PAGE = 50
_CHOICE = 200


class VersionListQuery(BaseModel):
    """Which version is shown, and which page of the list of versions."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    version: str = Field("latest", max_length=100)
    offset: int = Field(0, ge=0, le=2**31)


async def version_list(
    table: DefinitionTable, tenant: str, row: VersionRow, offset: int
) -> dict[str, Any]:
    """Return a page of the versions, newest first, each with the one before it."""
    found = await table.versions(tenant, row.id, limit=_PAGE + 1, offset=offset)
    marked = await table.marked(tenant, row.id)
    before = [item.version for item in found[1:]]
    return {
        "versions": [
            {
                "version": item.version,
                "status": item.status,
                "created_ms": item.created_at_ms,
                "before": before[number] if number < len(before) else None,
            }
            for number, item in enumerate(found[:_PAGE])
        ],
        "older_versions": offset + _PAGE if len(found) > _PAGE else None,
        "published": marked.published,
        "is_newest": row.version == marked.newest,
        "is_default": row.version == marked.default,
    }


async def version_choice(
    table: DefinitionTable, tenant: str, before: VersionRow, after: VersionRow
) -> list[str]:
    """Return the newest versions to choose from, and the two that are compared."""
    found = await table.versions(tenant, after.id, limit=_CHOICE)
    choice = [item.version for item in found]
    return choice + [
        one for one in dict.fromkeys((after.version, before.version)) if one not in choice
    ]


async def comparison(
    table: DefinitionTable, tenant: str, definition_id: str, query: CompareQuery
) -> tuple[VersionRow, dict[str, Any]]:
    """Return the later of two versions, and what the page that compares them shows."""
    before = await table.get(tenant, definition_id, query.before)
    after = await table.get(tenant, definition_id, query.after)
    return after, {
        "before": before.version,
        "after": after.version,
        "versions": await version_choice(table, tenant, before, after),
        "difference": await compare(before.definition, after.definition),
    }


async def newest(
    table: DefinitionTable, tenant: str, definition_id: str
) -> tuple[VersionRow, MarkedVersions]:
    """Return the newest version, without its definition, and which one is published."""
    rows = await table.versions(tenant, definition_id, limit=1)
    return rows[0], await table.marked(tenant, definition_id)
