"""The page of one run."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.events.catalogue import NAMES
from app.web.console.diagram.graph import Route, picture
from app.web.console.icons import DOCUMENTED
from app.web.console.page import Page
from app.web.console.rendering import page, words
from app.web.console.runs.inspector import explained_here, given_of, tree
from app.web.console.runs.replay_view import replay_of
from app.web.console.runs.run_children import insides, items_of, opened
from app.web.console.runs.run_questions import questions_of
from app.web.console.runs.run_view import repairs_of, run_view
from app.web.console.runs.timeline import (
    Timeline,
    TimelineEntry,
    lines_of,
    shown,
    shown_carried,
    states_of,
    timeline_of,
)
from app.web.console.runs.visit_rows import rows_of, taken
from app.web.endpoint import Call
from app.wire.requests.history_page import HistoryPage
from app.wire.runs.document import status_document
from engine import JsonObject, Run
from journal import CaptionRow, NotFound
from steps.document.bodies import body_at

_MOST_CARRIED = 60
_MOST_EVENTS = 60
_MOST_REPAIRABLE = 50
_MOST_VERSIONS = 50
_LONG = 500


async def run_page(call: Call) -> Response:
    """Show everything about one run."""
    services, run_id = call.services, call.path("runId")
    _, history = await services.journal.events.read(run_id, call.tenant)
    fold = partial(timeline_of, history)
    timeline = await offload(fold) if len(history) > _LONG else fold()
    run = timeline.run
    ids: list[str] = []
    counts: dict[str, int] | None = None
    if any(visit.children for visit in run.history):
        ids = await services.journal.children.ids(run.id, 100)
        counts = await services.journal.children.counts(
            run.id, run.executions, attempts=run.history[-1].attempt
        )
    document = await _definition(call, timeline)
    carried = _carried(timeline)
    earlier = {item["run_id"] for item in carried} | ({run.origin.run_id} if run.origin else set())
    now_ms = services.clock.now_ms()
    entry = _selected(call, timeline)
    seq = entry.seq if entry else 0
    selected_visit = shown(entry, now_ms) if entry else None
    captions = await services.journal.captions.of(call.tenant, [run.id])
    status = status_document(run, ids, counts, HistoryPage(1))
    pause_card, other_pauses = await questions_of(call, run)
    return await page(
        call,
        "run.html",
        "runs",
        run=run_view(status),
        **repairs_of(run),
        caption=captions.get(run.id) or CaptionRow(),
        started_ms=run.started_at_ms,
        took_ms=(run.ended_at_ms or now_ms) - run.started_at_ms,
        is_over=run.is_over,
        state=run.state.value,
        caller=run.caller,
        graph=await _graph(call, timeline, seq, document),
        kept=_kept(call),
        items=await items_of(call, run, entry, _execution(timeline, entry)),
        **rows_of(timeline, seq, _number(call, "unfold"), now_ms),
        selected=selected_visit,
        given=await given_of(call, run, history, entry) if entry else {},
        explained=await explained_here(call, history, timeline.entries),
        tree=tree,
        documented=DOCUMENTED,
        transcripts=services.settings.transcripts,
        files=_files(run.data, document or {}),
        retry=_retry(timeline, now_ms),
        carried=carried,
        carried_before=sum(run.visits.values()) - run.executions - len(carried),
        known=await services.journal.runs.known(call.tenant, earlier),
        events=lines_of(history, _MOST_EVENTS),
        hidden_events=max(0, len(history) - _MOST_EVENTS),
        listen=list(NAMES),
        replay=await replay_of(call, run),
        pause_card=pause_card,
        other_pauses=other_pauses,
        steps=_repairable(timeline),
        first=timeline.entries[0] if timeline.entries else None,
        versions=await _versions(call, run) if run.is_over else [],
        workflow_name=document.get("name") if document else None,
    )


def _number(call: Call, name: str) -> int:
    """Return a number from the address, 0 if there is none."""
    text = call.request.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - an event


def _selected(call: Call, timeline: Timeline) -> TimelineEntry | None:
    """Return the selected visit: that of the address, else the most relevant one."""
    asked = _number(call, "visit")
    for entry in timeline.entries:
        if entry.seq == asked:
            return entry
    failed = timeline.run.error.step_id if timeline.run.error else None
    for entry in reversed(timeline.entries):
        if entry.step_id == failed:
            return entry
    return timeline.entries[-1] if timeline.entries else None


async def _graph(
    call: Call, timeline: Timeline, selected: int, document: "dict[str, Any] | None"
) -> str:
    """Return the diagram of the path that the run took, with the parts open in the address."""
    if document is None:
        return ""
    asked, run = call.request.query_params, timeline.run
    paths = opened(call)
    here = {name: asked[name] for name in ("visit", "open", "part") if asked.get(name)}
    links = {one.step_id: f"?visit={one.seq}{_kept(call)}#inspector" for one in timeline.entries}
    chosen = next((one.step_id for one in timeline.entries if one.seq == selected), "")
    inside = await insides(call, run, document, paths) if paths else {}
    route = Route(frozenset(taken(timeline)), links, chosen, here=here, opened=paths, inside=inside)
    return await picture(document, states_of(run), route)


def _kept(call: Call) -> str:
    """Return the part of the address that links to visits keep: the open parts of the diagram."""
    text = call.request.query_params.get("open", "")
    return f"&{urlencode({'open': text[:2_000]})}" if text else ""


def _execution(timeline: Timeline, entry: TimelineEntry | None) -> int:
    """Return the number of a visit among those of the run."""
    return timeline.entries.index(entry) + 1 if entry else 0


def _retry(timeline: Timeline, now_ms: int) -> "dict[str, Any] | None":
    """Return the visit that waits for its next attempt."""
    last = timeline.entries[-1] if timeline.entries else None
    if last is None or last.visit is None or last.visit.retry_at_ms is None:
        return None
    return shown(last, now_ms)


async def _definition(call: Call, timeline: Timeline) -> "dict[str, Any] | None":
    run = timeline.run
    try:
        row = await call.services.workflows.table.get(call.tenant, run.workflow_id, run.version)
    except NotFound:
        return None
    return body_at(row.definition, run.body) | {"name": row.name}


async def _versions(call: Call, run: Run) -> list[str]:
    """Return the newest versions of its workflow other than its own."""
    try:
        found = await call.services.workflows.table.versions(
            call.tenant, run.workflow_id, limit=_MOST_VERSIONS
        )
    except NotFound:
        return []
    return [item.version for item in found if item.version != run.version]


def _files(data: JsonObject, document: dict[str, Any]) -> list[dict[str, str]]:
    """Return the uploaded files that the data of a run names, by id."""
    declared = [
        document.get("payload"),
        *(step.get("output") for step in document.get("steps", [])),
    ]
    names = {
        name
        for specs in declared
        if isinstance(specs, dict)
        for name, spec in specs.items()
        if isinstance(spec, dict) and spec.get("type") == "file"
    }
    found: dict[str, str] = {}
    for name, value in data.items():
        if isinstance(value, dict) and isinstance(value.get("fileId"), str):
            found[str(value["fileId"])] = str(value.get("fileName") or name)
        elif name in names and isinstance(value, str):
            found.setdefault(value, words(name))
    return [{"id": file_id, "name": name} for file_id, name in found.items()]


def _carried(timeline: Timeline) -> list[dict[str, Any]]:
    """Return the newest visits that earlier runs did."""
    visits = timeline.run.carried
    first = max(0, len(visits) - _MOST_CARRIED)
    return [shown_carried(visit, number) for number, visit in enumerate(visits[first:], first)]


def _repairable(timeline: Timeline) -> list[dict[str, Any]]:
    """Return the newest visit of each of the last entered steps, to run again from."""
    newest = {entry.step_id: entry for entry in timeline.entries}
    last = sorted(newest.values(), key=lambda entry: entry.seq)[-_MOST_REPAIRABLE:]
    return [
        {
            "id": entry.step_id,
            "name": (entry.visit.step_name if entry.visit else None) or entry.step_id,
            "is_last": entry is timeline.entries[-1],
        }
        for entry in last
    ]


PAGES = (Page("GET", "/runs/{runId}", Role.VIEWER, run_page, "A run"),)
