"""Everything about one run."""

from typing import Any

from starlette.responses import Response

from app.api.endpoint import Call
from app.api.run_document import pause_signal, status_document
from app.aside import aside
from app.auth.roles import Role
from app.console.graph import draw
from app.console.page import Page
from app.console.pauses import Question, question
from app.console.rendering import page
from app.console.run_story import Story, shown, states_of, tell
from app.events.catalogue import NAMES
from journal import NotFound, RunFilter

_MOST_CHAPTERS = 60
_MOST_EVENTS = 200
_LONG = 500


async def run_page(call: Call) -> Response:
    """Show everything about one run."""
    services, run_id = call.services, call.path("runId")
    _, history = await services.journal.events.read(run_id, call.tenant)
    story = await aside(lambda: tell(history)) if len(history) > _LONG else tell(history)
    run = story.run
    ids: list[str] = []
    counts: dict[str, int] | None = None
    if any(visit.children for visit in run.history):
        ids = await services.journal.children.ids(run.id, 100)
        counts = await services.journal.children.counts(run.id, run.executions)
    document = await _definition(call, story)
    everything = call.request.query_params.get("all") == "1"
    chapters = story.chapters if everything else story.chapters[-_MOST_CHAPTERS:]
    now_ms = services.clock.now_ms()
    status = status_document(run, ids, counts)
    return await page(
        call,
        "run.html",
        "runs",
        run=status,
        started_ms=run.started_at_ms,
        took_ms=(run.ended_at_ms or now_ms) - run.started_at_ms,
        is_over=run.is_over,
        state=run.state.value,
        caller=run.caller,
        graph=draw(document, states_of(run)) if document else "",
        chapters=[shown(chapter, run, now_ms) for chapter in chapters],
        hidden=len(story.chapters) - len(chapters),
        children=[_child(row) for row in await _children(call, run.id, bool(ids))],
        progress=_progress(status),
        events=story.events[-_MOST_EVENTS:],
        hidden_events=max(0, len(story.events) - _MOST_EVENTS),
        listen=list(NAMES),
        question=_question(story),
        steps=_repairable(story),
        first=story.chapters[0] if story.chapters else None,
        workflow_name=document.get("name") if document else None,
    )


async def _definition(call: Call, story: Story) -> "dict[str, Any] | None":
    run = story.run
    try:
        row = await call.services.workflows.table.get(call.tenant, run.workflow_id, run.version)
    except NotFound:
        return None
    return dict(row.definition) | {"name": row.name}


async def _children(call: Call, run_id: str, has_any: bool) -> list[Any]:
    if not has_any:
        return []
    return await call.services.journal.runs.page(call.tenant, RunFilter(parent_id=run_id), 20)


def _child(row: Any) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "workflow_id": row.workflow_id,
        "status": row.status,
        "step_id": row.step_id,
        "item": row.item,
        "started_ms": row.started_at_ms,
    }


def _progress(status: dict[str, Any]) -> "dict[str, Any] | None":
    history = status["stepExecutionHistory"]
    return history[-1].get("progress") if history else None


def _question(story: Story) -> Question | None:
    run = story.run
    signal = pause_signal(run)
    if not isinstance(signal, dict):
        return None
    return question(run.id, run.seq, signal)


def _repairable(story: Story) -> list[dict[str, Any]]:
    """Give the steps from which the run can be run again, the newest visit of each."""
    newest = {chapter.step_id: chapter for chapter in story.chapters}
    return [
        {
            "id": step_id,
            "name": (chapter.visit.step_name if chapter.visit else None) or step_id,
            "data": chapter.data,
            "is_last": chapter is story.chapters[-1],
        }
        for step_id, chapter in newest.items()
    ]


PAGES = (Page("GET", "/runs/{runId}", Role.VIEWER, run_page, "A run"),)
