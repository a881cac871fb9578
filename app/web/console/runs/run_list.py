"""The list of runs, and what can be done with many of them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from app.auth.roles import Role
from app.events.catalogue import NAMES
from app.web.api.views import view_document
from app.web.console.page import Page, filled, fitting
from app.web.console.questions.pauses import part_shown
from app.web.console.rendering import page
from app.web.endpoint import Call
from app.wire.requests.bodies import ListRunsQuery
from app.wire.runs.listing import found_runs
from engine import Status
from journal import DefinitionFilter, ListedError, RunRow

_PAGE = 50
_MOST_CHILDREN = 100
_MOST_WORKFLOWS = 50
"""How many workflows the filter proposes."""
_STATUS_NAMES = [name for name in NAMES if name.startswith("run.")]
_MORE = ("stepId", "errorType", "startedBy", "longerThan", "shorterThan", "waitingFor")
_PERIOD = ("since", "until")
_NARROWING = ("text", "label", "workflowId", "parentRunId", "topLevel", *_MORE)
_FILTERS = ("status", *_PERIOD, *_NARROWING)
COLUMNS = {
    "workflow": "Workflow", "status": "Status", "step": "Step", "started": "Started",
    "ended": "Ended", "took": "Took",
}  # fmt: skip
_SHOWN = ("workflow", "status", "step", "started", "took")
_SORTED_BY = {"started": "startTime", "ended": "endTime", "took": "duration"}


async def list_page(call: Call) -> Response:
    """List runs, newest first, each with its child runs folded under it."""
    asked = filled(call)
    given = ",".join(call.request.query_params.getlist("columns")).split(",")
    asked.pop("columns", None)
    columns = [name for name in COLUMNS if name in given] or list(_SHOWN)
    query, wrong = fitting(ListRunsQuery, asked)
    folds = not any(name in asked for name in _NARROWING)
    listed = query.model_copy(update={"topLevel": True}) if folds else query
    found = await found_runs(call.services.journal, call.tenant, listed, _PAGE)
    rows, following = found.page.rows, found.page.following
    wanted = {name: asked[name] for name in _FILTERS if name in asked}
    meant = {name: value for name, value in wanted.items() if name not in wrong}
    kept = wanted | {name: asked[name] for name in ("sort",) if name in asked}
    if columns != list(_SHOWN):
        kept["columns"] = ",".join(columns)
    return await page(
        call,
        "runs.html",
        "runs",
        runs=rows,
        captions={row.run_id: found.captions.get(row.number) for row in rows},
        errors={row.run_id: found.errors.get(row.number) for row in rows},
        alike={row.run_id: _alike(row, found.errors.get(row.number), kept) for row in rows},
        children=await _children(call, [row.run_id for row in rows]) if folds else {},
        most_children=_MOST_CHILDREN - 1,
        parts={row.run_id: part_shown(row.body, row.item) for row in rows},
        names=await call.services.workflows.table.names(
            call.tenant, [row.workflow_id for row in rows]
        ),
        query={name: wanted.get(name, "") for name in _FILTERS},
        wrong={**dict.fromkeys(_FILTERS, ""), **wrong},
        wrong_elsewhere={name: message for name, message in wrong.items() if name not in _FILTERS},
        wanted=wanted,
        kept=kept,
        folds=folds,
        columns=columns,
        all_columns=COLUMNS,
        headings=_headings(columns, query, kept),
        views=[view | {"is_here": view["asked"] == dict(kept)} for view in await saved_views(call)],
        asked_json=json.dumps({k: v for k, v in kept.items() if k != "columns" and k not in wrong}),
        shown_json=json.dumps(columns if columns != list(_SHOWN) else []),
        has_more=any(name in wanted for name in (*_MORE, *_PERIOD)),
        filter_json=json.dumps(meant | ({"topLevel": True} if query.topLevel else {})),
        actions=_actions(call, query),
        is_first=query.cursor is None,
        next_page=_address(kept | {"cursor": str(following)}) if following else "",
        workflows=await call.services.workflows.table.search(
            call.tenant, DefinitionFilter(limit=_MOST_WORKFLOWS)
        ),
        statuses=[status.value for status in Status],
        events=_STATUS_NAMES,
    )


async def saved_views(call: Call) -> list[dict[str, Any]]:
    """Return the caller's views: the `name` of each, its `link`, and its query."""
    rows = await call.services.journal.saved_views.of(call.tenant, call.caller.name)
    found: list[dict[str, Any]] = []
    for view in map(view_document, rows):
        columns = {"columns": ",".join(view["columns"])} if view["columns"] else {}
        asked = {**view["query"], **columns}
        found.append({"name": view["name"], "link": _address(asked), "asked": asked})
    return found


async def _children(call: Call, run_ids: list[str]) -> dict[str, int]:
    return await call.services.journal.children.how_many(run_ids, _MOST_CHILDREN)


def _alike(row: RunRow, error: ListedError | None, kept: Mapping[str, str]) -> str:
    """Return the address of the runs on the list that failed, or wait, as this one does."""
    if error is None:
        return ""
    asked = {**kept, "stepId": error.step_id or "", "errorType": error.type, "status": row.status}
    if row.retry_at_ms is not None:
        del asked["errorType"]
        asked["waitingFor"] = "retry"
    return _address({name: wanted for name, wanted in asked.items() if wanted})


def _headings(
    columns: list[str], query: ListRunsQuery, kept: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the column headings; those that order the list link to its other order."""
    may_end = not (query.text or query.label)
    found: list[dict[str, Any]] = []
    for name in columns:
        key = _SORTED_BY.get(name)
        ways = key is not None and (may_end or key == "startTime")
        is_down, is_up = query.sort == f"-{key}", query.sort == key
        other = {**kept, "sort": f"{'' if is_down else '-'}{key}"}
        if other["sort"] == "-startTime":
            del other["sort"]
        found.append(
            {
                "name": name,
                "words": COLUMNS[name],
                "link": _address(other) if ways else "",
                "order": "descending" if is_down else "ascending" if is_up else "",
            }
        )
    return found


def _address(asked: Mapping[str, str]) -> str:
    return f"/runs?{urlencode(asked)}" if asked else "/runs"


def _actions(call: Call, query: ListRunsQuery) -> list[str]:
    """Return what the caller may do with many runs that the filter can select."""
    role, status = call.caller.role, Status(query.status) if query.status else None
    found = []
    if role.includes(Role.OPERATOR) and not (status and status.is_over):
        found += ["hold", "release", "tryNow", "giveUp", "cancel", "terminate"]
    if role.includes(Role.OPERATOR) and (status and status.is_over) and not query.parentRunId:
        found.append("rerun")
    if role.includes(Role.OWNER) and (status is None or status.is_over) and not query.parentRunId:
        found.append("delete")
    return found


PAGES = (Page("GET", "/runs", Role.VIEWER, list_page, "Runs", None, ListRunsQuery),)
