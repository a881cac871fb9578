"""What is due while a pause is open: reminders, escalations to more people, and notices.

All of it is in the body of the pause, so that it survives a restart: `plan` lists the moments in
order, of which the first `planDone` have passed; `notices` lists those still to be sent.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from engine import Json, JsonObject, iso_time
from engine.value import value

MOST_TRIES = 5
_BACKOFF_MS = 30_000


@value(frozen=True, slots=True)
class Moment:
    """One planned change of a pause.

    Attributes:
        what: `reminded`, `escalated` or `overdue`.
        assignees: The people who may also answer from then on.
    """

    at_ms: int
    what: str
    assignees: tuple[str, ...] = ()


@value(frozen=True, slots=True)
class DueNotice:
    """A notice that is to be sent.

    Attributes:
        id: Its name, unique within the visit.
        entry: The index of its entry in `notify`.
        occasion: `asked`, `reminded` or `escalated`.
        tries: How often sending it has failed.
        due_ms: When it was first due, in Unix milliseconds.
        assignees: Who was asked at that moment. Like `due_ms`, it is the same in each try, since
            all tries have one idempotency key.
    """

    id: str
    entry: int
    occasion: str
    tries: int
    due_ms: int
    assignees: tuple[str, ...] = ()


def plan_of(moments: Sequence[Moment]) -> list[Json]:
    """Return moments in order, in the form in which a pause stores them.

    Args:
        moments: The moments, in any order.

    Returns:
        The value of `plan`.
    """
    entries: list[Json] = []
    for moment in sorted(moments, key=lambda one: one.at_ms):
        entry: JsonObject = {"at": iso_time(moment.at_ms), "what": moment.what}
        if moment.assignees:
            entry["assignees"] = list(moment.assignees)
        entries.append(entry)
    return entries


def next_moment_ms(body: JsonObject) -> int | None:
    """Return when something is due next.

    Args:
        body: The body of the pause.

    Returns:
        Unix milliseconds, or None if nothing is due.
    """
    times = [_ms(one["at"]) for one in [*_left(body)[:1], *_notices(body)]]
    return min(times, default=None)


def first_due(body: JsonObject, now_ms: int) -> Moment | None:
    """Return the first moment of the plan that has come and has not been handled.

    Args:
        body: The body of the pause.
        now_ms: Unix milliseconds.

    Returns:
        The moment, or None if no moment has come.
    """
    for one in _left(body)[:1]:
        if (at_ms := _ms(one["at"])) <= now_ms:
            who = one.get("assignees") or ()
            return Moment(at_ms, str(one["what"]), tuple(str(name) for name in who))
    return None


def after_moment(
    body: JsonObject, moment: Moment, occasions: Sequence[Sequence[str]]
) -> JsonObject:
    """Return the keys of the pause that change when a moment comes.

    Args:
        body: The body of the pause.
        moment: The moment that has come.
        occasions: The occasions at which each of the step's notices is sent.

    Returns:
        The changed keys.
    """
    done = _done(body)
    changed: JsonObject = {"planDone": done + 1}
    if moment.assignees:
        before = body.get("assignees")
        if isinstance(before, list):  # without a list everybody may answer, before and after
            known = [str(name) for name in before]
            changed["assignees"] = [*known, *(one for one in moment.assignees if one not in known)]
        changed["escalatedTo"] = list(moment.assignees)
    if moment.what == "overdue":
        changed["overdue"] = True
    asked = changed.get("assignees", body.get("assignees"))
    fresh = notices_for(moment.what, occasions, moment.at_ms, asked, f"{moment.what}-{done}")
    if fresh:
        waiting = body.get("notices")
        changed["notices"] = [*(waiting if isinstance(waiting, list) else []), *fresh]
    return changed


def notices_for(
    occasion: str,
    occasions: Sequence[Sequence[str]],
    at_ms: int,
    assignees: Json,
    name: str = "asked",
) -> list[Json]:
    """Return the notices of an occasion in the form in which a pause keeps them until sent.

    Args:
        occasion: `asked`, `reminded` or `escalated`.
        occasions: The occasions at which each of the step's notices is sent.
        at_ms: When they are due, in Unix milliseconds.
        assignees: Who is asked at that moment; None for everybody.
        name: The prefix of their names.

    Returns:
        One entry for each notice that is sent at the occasion.
    """
    found: list[Json] = []
    for index, on in enumerate(occasions):
        if occasion in on:
            entry: JsonObject = {"id": f"{name}-{index}", "entry": index, "occasion": occasion}
            entry["at"] = iso_time(at_ms)
            if assignees is not None:
                entry["assignees"] = assignees
            found.append(entry)
    return found


def due_notices(body: JsonObject, now_ms: int) -> list[DueNotice]:
    """Return the notices that are to be sent now.

    Args:
        body: The body of the pause.
        now_ms: Unix milliseconds.

    Returns:
        The notices, oldest first.
    """
    return [
        DueNotice(
            one["id"],
            one["entry"],
            one["occasion"],
            one.get("tries", 0),
            _ms(one.get("dueAt", one["at"])),
            tuple(one.get("assignees", body.get("assignees")) or ()),
        )
        for one in _notices(body)
        if _ms(one["at"]) <= now_ms
    ]


def after_notice(body: JsonObject, sent: DueNotice, now_ms: int, failure: str) -> JsonObject:
    """Return the keys of the pause that change after a notice was sent or failed.

    Args:
        body: The body of the pause.
        sent: The notice.
        now_ms: Unix milliseconds.
        failure: Why it was not sent; empty if it was sent.

    Returns:
        `notices` without it, or with the time of its next try.
    """
    left: list[Json] = []
    for one in _notices(body):
        if one["id"] != sent.id:
            left.append(one)
        elif failure and sent.tries + 1 < MOST_TRIES:
            again_ms = now_ms + _BACKOFF_MS * 2**sent.tries
            due_at = one.get("dueAt", one["at"])
            tried = {"tries": sent.tries + 1, "at": iso_time(again_ms), "dueAt": due_at}
            left.append({**one, **tried})
    return {"notices": left}


def _left(body: JsonObject) -> list[dict[str, Any]]:
    plan = body.get("plan")
    entries = plan if isinstance(plan, list) else []
    return [one for one in entries[_done(body) :] if isinstance(one, dict)]


def _done(body: JsonObject) -> int:
    done = body.get("planDone", 0)
    return done if isinstance(done, int) else 0


def _notices(body: JsonObject) -> list[dict[str, Any]]:
    waiting = body.get("notices")
    return [one for one in waiting if isinstance(one, dict)] if isinstance(waiting, list) else []


def _ms(text: object) -> int:
    return round(datetime.fromisoformat(str(text)).timestamp() * 1_000)
