"""The list of runs, and what can be done with many of them."""

import json

from starlette.responses import Response

from app.auth.roles import Role
from app.events.catalogue import NAMES
from app.web.console.page import Page, filled
from app.web.console.pauses import part_shown
from app.web.console.rendering import page
from app.web.endpoint import Call
from app.wire.bodies import ListRunsQuery, checked
from app.wire.run_list import found_runs
from engine import Status

_PAGE = 50
_STATUS_NAMES = [name for name in NAMES if name.startswith("run.")]
_MORE = ("stepId", "errorType", "startedBy", "longerThan", "shorterThan")
_FILTERS = (
    "text", "label", "status", "workflowId", "parentRunId", "topLevel", "since", "until", *_MORE,
)  # fmt: skip


async def list_page(call: Call) -> Response:
    """List runs, newest first."""
    asked = filled(call)
    query = checked(ListRunsQuery, asked)
    found, captions = await found_runs(call.services.journal, call.tenant, query, _PAGE)
    wanted = {name: asked[name] for name in _FILTERS if name in asked}
    return await page(
        call,
        "runs.html",
        "runs",
        runs=found.rows,
        captions={row.run_id: captions.get(row.run_id) for row in found.rows},
        parts={row.run_id: part_shown(row.body, row.item) for row in found.rows},
        query={name: wanted.get(name, "") for name in _FILTERS},
        wanted=wanted,
        has_more=any(name in wanted for name in _MORE),
        filter_json=json.dumps(wanted | ({"topLevel": True} if query.topLevel else {})),
        actions=_actions(call, query),
        is_first=query.cursor is None,
        next_cursor=found.following,
        statuses=[status.value for status in Status],
        events=_STATUS_NAMES,
    )


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
