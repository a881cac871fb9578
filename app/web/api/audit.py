"""The audit log over HTTP: a page at a time, or all of it as lines."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint
from app.wire.requests.query_values import Moment, Whole
from engine import iso_time
from journal import AuditFilter, AuditRow

NDJSON = "application/x-ndjson"
_PAGE = 500
_POSITION = r"^[0-9]{1,18}$"


class AuditExportQuery(BaseModel):
    """Which entries to select; fields left out do not filter."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    who: str | None = Field(None, max_length=300, description="whose changes, in the form of `who`")
    action: str | None = Field(None, max_length=100, description="such as `createKey`")
    target: str | None = Field(
        None, max_length=500, description="the beginning of the address, such as `/api/workflows/`"
    )
    since: Moment | None = Field(None, description="at or after (ISO date with zone)")
    until: Moment | None = Field(None, description="before (ISO date with zone)")


class AuditQuery(AuditExportQuery):
    """Which entries to list."""

    limit: Whole = Field(50, ge=1, le=500)
    cursor: str | None = Field(
        None,
        pattern=_POSITION,
        description="nextCursor of the previous answer, which may have had fewer than `limit` "
        "entries",
    )


async def list_audit(call: Call) -> Response:
    """List recorded changes and their authors, newest first."""
    query = call.query(AuditQuery)
    wanted = audit_filter(query, int(query.cursor) if query.cursor else None)
    found = await call.services.journal.audit.page(call.tenant, wanted, query.limit)
    return JSONResponse(
        {
            "entries": [audit_document(row) for row in found.rows],
            "nextCursor": None if found.following is None else str(found.following),
        }
    )


async def export_audit(call: Call) -> Response:
    """Return every entry, newest first, each as a line of JSON with its hash."""
    wanted = audit_filter(call.query(AuditExportQuery), None)
    about = {"Content-Disposition": 'attachment; filename="audit.ndjson"'}
    return StreamingResponse(_lines(call, wanted), media_type=NDJSON, headers=about)


async def _lines(call: Call, wanted: AuditFilter) -> AsyncIterator[str]:
    is_over = False
    while not is_over:
        found = await call.services.journal.audit.page(call.tenant, wanted, _PAGE)
        for row in found.rows:
            document = {**audit_document(row), "hash": row.hash.hex()}
            yield json.dumps(document, ensure_ascii=False) + "\n"
        wanted = replace(wanted, before=found.following)
        is_over = found.following is None


def audit_filter(query: AuditExportQuery, before: int | None) -> AuditFilter:
    """Return the filter of a query."""
    return AuditFilter(
        query.who, query.action, query.target, _ms(query.since), _ms(query.until), before
    )


def audit_document(row: AuditRow) -> dict[str, Any]:
    """Return an entry as shown."""
    return {
        "position": row.position,
        "at": iso_time(row.at_ms),
        "who": row.who,
        "action": row.action,
        "target": row.target,
        "result": row.result,
    }


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1_000)


ENDPOINTS = (
    Endpoint(
        "GET", "/api/audit", Role.ADMIN, list_audit, "List recorded changes", None, AuditQuery
    ),
    Endpoint(
        "GET", "/api/audit/export", Role.ADMIN, export_audit, "Export recorded changes", None,
        AuditExportQuery,
    ),
)  # fmt: skip
