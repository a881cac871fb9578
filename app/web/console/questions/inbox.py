"""The inbox: everything that waits for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import RedirectResponse, Response

from app.auth.roles import Role
from app.events.catalogue import NAMES
from app.web.console.page import Page, filled
from app.web.console.questions.pauses import part_shown, pause_card
from app.web.console.questions.step_names import StepNames
from app.web.console.rendering import page
from app.web.console.samples import samples
from app.web.endpoint import Call
from app.wire.inbox import found_pauses, seen_of_row
from app.wire.requests.bodies import InboxQuery, checked
from journal import CaptionRow, DefinitionFilter, PausedRow

_PAGE = 25


async def home(_: Call) -> Response:
    """Redirect to the first page."""
    return RedirectResponse("/inbox", 303)


async def inbox_page(call: Call) -> Response:
    """Show what waits: first what is due, then the newest."""
    asked = filled(call)
    if named := asked.pop("pause", None):
        asked["pauseId"] = named
    query = checked(InboxQuery, asked)
    shown, following, _ = await found_pauses(
        call.services.journal, call.tenant, query, call.caller, _PAGE
    )
    items = await _items(call, shown)
    is_new = False
    if not items:
        some = await call.services.workflows.table.search(
            call.tenant, DefinitionFilter(None, None, include_archived=True, limit=1, offset=0)
        )
        is_new = not some
    return await page(
        call,
        "inbox.html",
        "inbox",
        items=items,
        is_new=is_new,
        samples=samples(),
        workflow_id=query.workflowId or "",
        whose=query.whose,
        text=query.text or "",
        next_cursor=following,
        is_first=query.cursor is None,
        listen=NAMES,
    )


async def _items(call: Call, rows: Sequence[PausedRow]) -> list[dict[str, Any]]:
    journal = call.services.journal
    below = [row.number for row in rows if row.parent is not None]
    roots = await journal.inbox.roots(below) if below else {}
    titled = {row.run_id: roots.get(row.number, row.run_id) for row in rows}
    captions = await journal.captions.of(call.tenant, sorted(set(titled) | set(titled.values())))
    names = StepNames(call)
    return [await _item(call, row, names, captions, titled[row.run_id]) for row in rows]


async def _item(
    call: Call,
    row: PausedRow,
    known: StepNames,
    captions: Mapping[str, CaptionRow],
    root_id: str,
) -> dict[str, Any]:
    names = await known.of(row)
    titles = [captions[one].title for one in (row.run_id, root_id) if one in captions]
    asked = None
    if row.pause is not None:
        shown = row.pause.shown(row.run_id, row.seq)
        asked = pause_card(row.run_id, row.seq, shown, call.caller, seen_of_row(row))
    return {
        "run_id": row.run_id,
        "run_title": next((title for title in titles if title), ""),
        "root_id": root_id,
        "part": part_shown(row.body, row.item),
        "workflow_id": row.workflow_id,
        "workflow_name": names[""],
        "title": names.get(row.step_id) or (asked.title if asked else row.step_id),
        "paused_ms": row.paused_at_ms,
        "seq": row.seq,
        "pause_card": asked,
    }


PAGES = (
    Page("GET", "/", Role.VIEWER, home, "The first page"),
    Page("GET", "/inbox", Role.VIEWER, inbox_page, "What waits for people", None, InboxQuery),
)
