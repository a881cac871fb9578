"""The questions that wait for people, as the API and the console list them."""

from collections.abc import Awaitable, Callable, Mapping

from app.auth.caller import Caller
from app.auth.roles import Role
from app.execution.answering.entitlement import named_in, names_of, own_names, refusal
from app.wire.requests.bodies import InboxQuery
from engine import TRANSITIONS, JsonObject, Pause, RunPaused, State, iso_time, seen_hash
from journal import CaptionRow, EventRow, InboxFilter, InboxPosition, Journal, PausedRow

INBOX_KINDS = frozenset(
    {RunPaused.__name__} | {kind.__name__ for state, kind in TRANSITIONS if state is State.PAUSED}
)
"""The journal's names of events that may begin, change or end a question."""


def inbox_filter(query: InboxQuery, caller: Caller) -> InboxFilter:
    """Return the filter for what a caller requests and may see; an admin sees everything."""
    names = names_of(caller)
    only = None
    if query.whose == "mine":
        only = own_names(caller)
    elif query.whose == "groups":
        only = names - own_names(caller)
    named = None if query.pauseId is None else int(query.pauseId.partition("-")[0])
    return InboxFilter(
        names=visible_names(caller),
        only=only,
        workflow_id=query.workflowId,
        text=query.text,
        run=named,
        before=None if query.cursor is None else InboxPosition.read(query.cursor),
    )


def visible_names(caller: Caller) -> frozenset[str] | None:
    """Return the names under which a caller sees questions; None if they see all."""
    return None if caller.role.includes(Role.ADMIN) else names_of(caller)


def inbox_changes(journal: Journal, caller: Caller) -> Callable[[EventRow], Awaitable[bool]]:
    """Return a function that tells whether an event changes what a caller's inbox shows.

    It does if the caller saw the question before the event, or sees it afterwards.
    """
    names = visible_names(caller)

    async def changes(event: EventRow) -> bool:
        if event.kind not in INBOX_KINDS:
            return False
        for seq in (event.seq, event.seq - 1):
            pause = await journal.asked.after(event.run, seq)
            if pause is not None and _is_visible(pause, names):
                return True
        return False

    return changes


def _is_visible(pause: Pause, names: frozenset[str] | None) -> bool:
    if names is None or "assignees" not in pause.body:
        return True
    claimed = str(pause.body.get("claimedBy") or "").casefold()
    return bool(names & (named_in(pause.body, "assignees") | {claimed}))


async def found_pauses(
    journal: Journal, tenant: str, query: InboxQuery, caller: Caller, limit: int
) -> tuple[list[PausedRow], str | None, Mapping[str, CaptionRow]]:
    """Return a page of the inbox, the cursor of the next, and the captions of its runs."""
    rows, following = await journal.inbox.page(tenant, limit, inbox_filter(query, caller))
    cursor = None if following is None else str(following)
    return rows, cursor, await journal.captions.of(tenant, [row.run_id for row in rows])


def pause_line(row: PausedRow, captions: Mapping[str, CaptionRow], caller: Caller) -> JsonObject:
    """Return one question as a line of the list."""
    caption = captions.get(row.run_id) or CaptionRow()
    pause = row.pause
    may = bool(pause) and caller.role.includes(Role.OPERATOR)
    return {
        "runId": row.run_id,
        "workflowId": row.workflow_id,
        "version": row.version,
        "title": caption.title or None,
        "labels": dict(caption.labels),
        "stepId": row.step_id,
        "pauseSignal": pause.shown(row.run_id, row.seq) if pause else None,
        "seen": seen_of_row(row),
        "mayAnswer": may and pause is not None and not refusal(pause.body, caller),
        "since": iso_time(row.paused_at_ms),
        "parentRunId": row.parent_run_id,
    }


def seen_of_row(row: PausedRow) -> str:
    """Return the hash of a question's contents; empty if it cannot be read."""
    pause = row.pause
    if pause is None:
        return ""
    return seen_hash(row.workflow_id, row.version, pause.type, pause.body)
