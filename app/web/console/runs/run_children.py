"""The child runs of a run as its page shows them: items of a step, and bodies in the diagram."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from app.web.console.diagram.model import Inside, StepCounts
from app.web.console.runs.timeline import TimelineEntry, states_of
from app.web.endpoint import Call
from engine import JsonObject, Run, Status
from journal import ChildLine
from steps.document.bodies import inline_path, with_start, written_in

_PAGE = 20
_MOST_LOOKED_AT = 300
MOST_OPEN = 10
"""How many steps of a diagram may be open at once."""


async def items_of(call: Call, run: Run, entry: TimelineEntry | None, number: int) -> JsonObject:
    """Return a page of the child runs of a visit, and how many of each status there are."""
    if entry is None or entry.visit is None or not entry.visit.children:
        return {}
    asked = call.request.query_params
    status = asked.get("items", "")
    wanted = status if status in {one.value for one in Status} else None
    journal = call.services.journal
    rows = await journal.children.lines.page(
        run.id, number, _PAGE + 1, wanted, _place(asked.get("after", ""))
    )
    captions = await journal.captions.of(call.tenant, [row.run_id for row in rows])
    counts = await journal.children.counts(run.id, number, attempts=entry.visit.attempt)
    lines: list[JsonObject] = [_line(row, captions.get(row.run_id)) for row in rows[:_PAGE]]
    last = rows[_PAGE - 1] if len(rows) > _PAGE else None
    return {
        "rows": [*lines],
        "counts": {one.value: counts[one] for one in Status if counts.get(one)},
        "total": sum(counts.values()),
        "ended": sum(counts.get(one.value, 0) for one in Status if one.is_over),
        "status": wanted or "",
        "next": f"{last.item}.{last.number}" if last else "",
    }


def _place(text: str) -> tuple[int, int]:
    item, _, number = text.partition(".")
    if item.isdecimal() and number.isdecimal() and len(text) < 30:  # noqa: PLR2004 - two numbers
        return int(item), int(number)
    return (-1, 0)


def _line(row: ChildLine, caption: Any) -> JsonObject:
    return {
        "run_id": row.run_id,
        "item": row.item,
        "attempt": row.attempt,
        "part": (row.body or "").rpartition("/")[2],
        "title": caption.title if caption else "",
        "status": row.status,
        "step_id": row.error_step or row.step_id or "",
        "error": f"{row.error_type}: {row.error_message}" if row.error_type else "",
    }


def opened(call: Call) -> frozenset[str]:
    """Return the paths of the steps whose bodies are open according to the address."""
    asked = call.request.query_params.get("open", "")[:2_000]
    return frozenset([one for one in asked.split(",") if one][:MOST_OPEN])


async def insides(
    call: Call, run: Run, document: Mapping[str, Any], paths: frozenset[str], above: str = ""
) -> dict[str, Inside]:
    """Return what happened in the bodies of the open steps, by their paths."""
    found: dict[str, Inside] = {}
    for step in document.get("steps", []):
        path = inline_path(above, str(step.get("id")), "")
        if path not in paths:
            continue
        executions = [at for at, one in enumerate(run.history, 1) if one.step_id == step.get("id")]
        if not executions:
            continue
        rows = await call.services.journal.children.lines.page(
            run.id, executions[-1], _MOST_LOOKED_AT
        )
        for name, body in written_in(step):
            own = inline_path(above, str(step.get("id")), name)
            stored = inline_path(run.body or "", str(step.get("id")), name)
            here = [row for row in rows if row.body == stored]
            if len({row.item for row in here}) == 1:
                _, child = await call.services.journal.events.run(here[-1].run_id, call.tenant)
                found[own] = _of_one(child)
                found |= await insides(call, child, with_start(body), paths, own)
            elif here:
                found[own] = Inside(counts=_counts(here))
    return found


def _of_one(child: Run) -> Inside:
    steps = [visit.step_id for visit in child.history]
    links = dict.fromkeys(steps, f"/runs/{child.id}")
    return Inside(states_of(child), links=links, taken=frozenset(pairwise(steps)))


def _counts(rows: Sequence[ChildLine]) -> dict[str, StepCounts]:
    """Return how many of some child runs are in each step, and failed in it."""
    here = Counter(row.step_id for row in rows if row.ended_at_ms is None and row.step_id)
    failed = Counter(row.error_step for row in rows if row.error_step)
    return {name: StepCounts(here[name], failed[name]) for name in here.keys() | failed.keys()}
