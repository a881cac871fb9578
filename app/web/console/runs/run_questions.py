"""The questions on a run's page: its own, and those of its child runs."""

from dataclasses import replace

from app.web.console.questions.pauses import PauseCard, part_shown, pause_card
from app.web.console.questions.step_names import StepNames
from app.web.endpoint import Call
from app.wire.runs.pauses_below import MOST_PAUSES, signal_of
from engine import Run, seen_of
from journal import UnknownRun

_MOST_CARDS = 20


async def questions_of(call: Call, run: Run) -> tuple[PauseCard | None, list[PauseCard]]:
    """Return the question with which the run is paused, and those of other child runs."""
    first = await _own(call, run)
    if not run.waits_for_children:
        return first, []
    names = StepNames(call)
    cards: list[PauseCard] = []
    for row in await call.services.journal.inbox.below(run.id, MOST_PAUSES):
        signal = signal_of(row)
        if signal is None:
            continue
        card = pause_card(row.run_id, row.seq, signal)
        title = (await names.of(row)).get(row.step_id) or card.title
        card = replace(card, title=title, asked_by=row.run_id, part=part_shown(row.body, row.item))
        if first and card.pause_id == first.pause_id:
            first = replace(first, title=card.title, part=card.part)
        else:
            cards.append(card)
    return first, cards[:_MOST_CARDS]


async def _own(call: Call, run: Run) -> PauseCard | None:
    """Return the run's question, with the name of the step that asks, also in a child run."""
    pause = run.pause_shown
    if not isinstance(pause, dict):
        return None
    own = run.pause is not None and run.pause.run_id is None
    seen = seen_of(run) if own else ""
    asked = pause_card(run.id, run.pause_seq, pause, call.caller, seen)
    if asked.asked_by and asked.asked_by != run.id:
        try:
            _, run = await call.services.journal.events.run(asked.asked_by, call.tenant)
        except UnknownRun:
            return asked
    name = run.current.step_name if run.current else None
    return replace(asked, title=name) if name else asked
