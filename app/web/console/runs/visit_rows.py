"""The visits of a run as rows on a time axis, with loops folded, a page at a time."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from app.web.console.icons import icon
from app.web.console.runs.rounds import Rounds, folded
from app.web.console.runs.time_axis import TimeAxis
from app.web.console.runs.timeline import Timeline, TimelineEntry, status_of
from engine import JsonObject

_MOST_ROWS = 60


def axis_of(timeline: Timeline, now_ms: int) -> TimeAxis:
    """Return the time axis of a run: work is to scale, waits are not."""
    run = timeline.run
    ended_ms = run.ended_at_ms or now_ms
    work = [
        (from_ms, to_ms)
        for entry in timeline.entries
        for from_ms, to_ms, is_wait in pieces(entry, ended_ms)
        if not is_wait
    ]
    return TimeAxis(run.started_at_ms, ended_ms, work)


def pieces(entry: TimelineEntry, now_ms: int) -> list[tuple[int, int, bool]]:
    """Return a visit as stretches of work or waiting: from, to, whether it waited."""
    visit = entry.visit
    assert visit is not None  # noqa: S101 - set by `timeline_of`
    ended_ms = (
        visit.ended_at_ms if visit.ended_at_ms is not None else max(now_ms, visit.started_at_ms)
    )
    found: list[tuple[int, int, bool]] = []
    at = visit.started_at_ms
    for from_ms, until_ms in entry.waits:
        to_ms = ended_ms if until_ms is None else until_ms
        if from_ms > at or not found:
            found.append((at, max(at, from_ms), False))
        found.append((from_ms, to_ms, True))
        at = to_ms
    if ended_ms > at or not found:
        found.append((at, ended_ms, False))
    return found


def rows_of(timeline: Timeline, selected: int, unfolded: int, now_ms: int) -> dict[str, Any]:
    """Return the rows that the page shows, and how many are before and after them."""
    axis = axis_of(timeline, now_ms)
    entries = timeline.entries
    found: list[Rounds] = []
    for part in folded([entry.step_id for entry in entries]):
        seqs = [entry.seq for entry in entries[part.first : part.end]]
        if part.length and seqs and not (selected in seqs or unfolded == seqs[0]):
            found.append(part)
        else:
            found += [Rounds(at, at + 1, 0) for at in range(part.first, part.end)]
    seqs = [entries[one.first].seq for one in found]
    at = seqs.index(selected) if selected in seqs else len(found) - 1
    end = min(len(found), max(_MOST_ROWS, at + _MOST_ROWS // 2))
    first = max(0, end - _MOST_ROWS)
    return {
        "rows": [
            _rounds(one, entries[one.first : one.end], axis)
            if one.length
            else _row(entries[one.first], axis, now_ms, selected)
            for one in found[first:end]
        ],
        "rows_before": first,
        "row_before": seqs[first - 1] if first else None,
        "rows_after": len(found) - end,
        "row_after": seqs[end] if end < len(found) else None,
        "is_compressed": axis.is_compressed,
    }


def _rounds(part: Rounds, own: Sequence[TimelineEntry], axis: TimeAxis) -> JsonObject:
    visits = [entry.visit for entry in own if entry.visit is not None]
    names = [visit.step_name or visit.step_id for visit in visits[: part.length]]
    statuses = Counter(status_of(visit) for visit in visits)
    statuses.pop("completed", None)
    first, last = visits[0], visits[-1]
    ended_ms = last.ended_at_ms if last.ended_at_ms is not None else last.started_at_ms
    x = axis.at(first.started_at_ms)
    return {
        "is_rounds": True,
        "is_selected": False,
        "seq": own[0].seq,
        "names": [*names],
        "count": part.count,
        "others": dict(statuses),
        "pieces": [{"x": x, "width": max(0.4, round(axis.at(ended_ms) - x, 2)), "is_wait": False}],
        "took_ms": ended_ms - first.started_at_ms,
    }


def _row(entry: TimelineEntry, axis: TimeAxis, now_ms: int, selected: int) -> JsonObject:
    visit = entry.visit
    assert visit is not None  # noqa: S101 - set by `timeline_of`
    ended_ms = visit.ended_at_ms if visit.ended_at_ms is not None else now_ms
    drawn: list[JsonObject] = []
    for from_ms, to_ms, is_wait in pieces(entry, now_ms):
        x = axis.at(from_ms)
        width = max(0.4, round(axis.at(to_ms) - x, 2))
        drawn.append({"x": min(x, 99.6), "width": width, "is_wait": is_wait})
    marks = [
        axis.at(item.ended_ms)
        for item in entry.attempts
        if item.error is not None and item.ended_ms is not None
    ]
    return {
        "is_rounds": False,
        "is_selected": entry.seq == selected,
        "seq": entry.seq,
        "step_id": visit.step_id,
        "name": visit.step_name or visit.step_id,
        "type": visit.step_type,
        "icon": icon(visit.step_type),
        "status": status_of(visit),
        "visit": visit.visit,
        "took_ms": ended_ms - visit.started_at_ms,
        "is_open": visit.ended_at_ms is None,
        "children": visit.children,
        "attempts": len(entry.attempts),
        "pieces": [*drawn],
        "marks": [*marks],
    }


def taken(timeline: Timeline) -> set[tuple[str, str]]:
    """Return the edges that a run has taken."""
    steps = [*(visit.step_id for visit in timeline.run.carried), *_own(timeline)]
    return set(pairwise(steps))


def _own(timeline: Timeline) -> list[str]:
    return [entry.step_id for entry in timeline.entries]
