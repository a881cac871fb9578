"""Sends notices of open pauses: a tool sends each one once the pause is durable, and reminders.

The notices still to be sent are stored in the pause, so a restart continues with them; each sent
notice is an event. After a crash between the two, the notice is sent again with the same content
under the same idempotency key.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from app.clock import Clock
from app.concurrency.fair_queue import FairQueue
from app.concurrency.tenant import work_for
from app.execution.answering.entitlement import names_nobody, needs_sign_in
from app.execution.attempts.attempt import step_input
from app.execution.attempts.step_services import StepServices
from app.execution.driving.driving import Driving
from app.execution.live.appends import Appends
from app.execution.live.live_run import Due, LiveRun, RunLost
from app.execution.live.live_runs import LiveRuns
from app.telemetry import log
from engine import ChangePause, Event, Execute, Json, JsonObject, PauseChanged, Run, RunPaused
from journal import JournalError, UnknownRun
from steps.asking.pause_plan import (
    DueNotice,
    after_moment,
    after_notice,
    due_notices,
    first_due,
    next_moment_ms,
)
from steps.asking.settings import AskSettings, Notice
from steps.contract.step_type import StepBroke
from steps.effects.effects import Effects
from steps.effects.http_messages import HttpRequest
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.template import as_text
from steps.secrets import fetched

SETS_NOTICES = frozenset({RunPaused, PauseChanged})
"""Events after which there may be notices to send."""

_AT_ONCE = 16
_LONGEST_S = 60
_LINK_MS = 90 * 86_400_000
_LONGEST_FAILURE = 500


class Notices:
    """Sends the due notices of all runs, several at a time; tenants take turns."""

    def __init__(  # noqa: PLR0913 - the parts that a notice touches, each passed in
        self,
        clock: Clock,
        appends: Appends,
        live_runs: LiveRuns,
        driving: Driving,
        effects_of: Callable[[LiveRun, Due], Effects],
        services: StepServices,
    ) -> None:
        self._clock = clock
        self._appends = appends
        self._live_runs = live_runs
        self._driving = driving
        self._effects_of = effects_of
        self._services = services
        self._busy: set[str] = set()
        self._turns = FairQueue(_AT_ONCE)

    def appended(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Send the due notices of a run that has paused."""
        for event in events:
            if isinstance(event, RunPaused) and names_nobody(event.pause.body):
                log.pause_names_nobody(live.run.id, event.step_id)
        self.look(live)

    def look(self, live: LiveRun) -> None:
        """Send the due notices of a run, unless that is under way."""
        run = live.run
        pause = run.pause
        if pause is None or pause.run_id is not None or not pause.body.get("notices"):
            return
        owns = self._live_runs.owns
        if owns is not None and not owns(run.id):
            return  # another process does this
        if run.id not in self._busy and due_notices(pause.body, self._clock.now_ms()):
            self._busy.add(run.id)
            self._driving.beside(self._send_all(live.tenant, run.id, run.pause_seq))

    async def _send_all(self, tenant: str, run_id: str, seq: int) -> None:
        work_for(tenant)
        try:
            async with self._turns.turn(tenant), self._live_runs.load(None, run_id) as live:
                while await self._send_next(live, seq):
                    pass
        except (UnknownRun, RunLost):
            pass  # it is sent once the run has been read again
        except JournalError as failure:
            log.timer_failed(run_id, failure)
        finally:
            self._busy.discard(run_id)

    async def _send_next(self, live: LiveRun, seq: int) -> bool:
        """Send the first notice that is due; return whether to look for another."""
        run = live.run.copy()
        if run.pause is None or run.pause_seq != seq:
            return False
        due = due_notices(run.pause.body, self._clock.now_ms())
        if not due:
            return False
        failure = await self._sent(live, run, due[0])
        async with live.lock:
            now = live.run
            if now.pause is None or now.pause_seq != seq:
                return False
            now_ms = self._clock.now_ms()
            changed = after_notice(now.pause.body, due[0], now_ms, failure)
            what = "not_notified" if failure else "notified"
            note = failure or f"{_notices(live, now)[due[0].entry].receiver}, {due[0].occasion}"
            self._appends.take(live, changed_pause(now, what, changed, note))
            await self._appends.append(live)
        return True

    async def _sent(self, live: LiveRun, run: Run, due: DueNotice) -> str:
        """Call the tool; return why it failed, empty if it did not."""
        assert run.current is not None  # noqa: S101 - it is paused in a step
        visit = run.current
        doing = Execute(visit.step_id, visit.visit, visit.attempt)
        effects = self._effects_of(live, doing)
        try:
            notice = _notices(live, run)[due.entry]
            with Allowance():
                scope = await self._scope(live, run, notice, due, effects)
                inputs = {name: await item.rendered(scope) for name, item in notice.inputs.items()}
                request = await _request(notice, scope, doing.idempotency_key(run.id), due)
            async with asyncio.timeout(_LONGEST_S):
                if request is None:
                    await effects.tool(notice.toolId or "", inputs, f"notice-{due.id}")
                else:
                    answer = await effects.http(request)
                    is_taken = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
                    return "" if is_taken else f"the address answered {answer.status}"
        except (StepBroke, ExpressionError) as broke:
            reason = await self._services.secrets.mask(live.tenant, str(broke))
            return str(reason)[:_LONGEST_FAILURE]
        except TimeoutError:
            return f"the tool has not answered within {_LONGEST_S} s"
        except (JournalError, RunLost):
            raise
        except Exception as crash:  # noqa: BLE001 - a failing tool must not lose the pause
            log.step_crashed(run.id, visit.step_id, crash)
            return f"the tool raised {type(crash).__name__}; the server's log has the rest"
        return ""

    async def _scope(
        self, live: LiveRun, run: Run, notice: Notice, due: DueNotice, effects: Effects
    ) -> Mapping[str, Json]:
        assert run.current is not None and run.pause is not None  # noqa: S101, PT018 - paused
        visit = run.current
        step = live.usable.steps[visit.step_id]
        doing = Execute(visit.step_id, visit.visit, visit.attempt)
        return {
            **step_input(run, step, doing).scope,
            "secrets": dict(await fetched(notice.names_secrets, effects)),
            "pause": self._pause_values(live, run, due),
        }

    def _pause_values(self, live: LiveRun, run: Run, due: DueNotice) -> JsonObject:
        """Return the values that the notice's templates may use."""
        assert run.current is not None and run.pause is not None  # noqa: S101, PT018 - paused
        body = run.pause_shown or {}
        pause_id = str(body["pauseId"])
        return {
            "link": self._link(live, run, pause_id, due),
            "page": f"{self._services.callbacks.base_url}/inbox?pause={pause_id}",
            "id": pause_id,
            "title": self._appends.caption(live).title
            or run.current.step_name or run.current.step_id,
            "message": body.get("message"),
            "assignees": list(due.assignees),
            "deadline": body.get("deadline"),
            "occasion": due.occasion,
        }  # fmt: skip

    def _link(self, live: LiveRun, run: Run, pause_id: str, due: DueNotice) -> str:
        """Return the address of the page that asks; it needs no sign-in unless the pause does."""
        assert run.pause is not None  # noqa: S101 - paused
        if needs_sign_in(run.pause.body) or names_nobody(run.pause.body):
            return f"{self._services.callbacks.base_url}/inbox?pause={pause_id}"
        named = ", ".join(due.assignees)[:200] or "somebody who was notified"
        until_ms = link_until_ms(due.due_ms, self._clock.now_ms())
        _, token = self._services.links.make(live.tenant, run, named, until_ms)
        return f"{self._services.callbacks.base_url}/answer/{token}"


def link_until_ms(due_ms: int, now_ms: int) -> int:
    """Return how long the link in a notice is valid: 90 days, at least 45 if it is sent late.

    A notice that is sent again has the same link.
    """
    halves = max(0, now_ms - due_ms) // (_LINK_MS // 2)
    return due_ms + _LINK_MS + halves * (_LINK_MS // 2)


async def _request(
    notice: Notice, scope: Mapping[str, Json], key: str, due: DueNotice
) -> HttpRequest | None:
    """Return the request to a notice's address; None for a notice that calls a tool."""
    if notice.url is None:
        return None
    url = as_text(await notice.url.rendered(scope))
    body = scope["pause"] if notice.body is None else await notice.body.rendered(scope)
    return HttpRequest(
        "POST",
        url,
        headers={
            "content-type": "application/json",
            "idempotency-key": f"{key}:notice-{due.id}",
        },
        content=json.dumps(body, ensure_ascii=False).encode(),
        follow_redirects=False,
        confidential=True,
        take="nothing",
    )


def planned(live: LiveRun, now_ms: int) -> ChangePause | None:
    """Return the next planned change of a pause that is due at this moment; None if none is."""
    run, visit = live.run, live.run.current
    if run.pause is None or visit is None or run.pause.run_id is not None:
        return None
    moment = first_due(run.pause.body, now_ms)
    if moment is None:
        return None
    occasions = [notice.on for notice in _notices(live, run)]
    changed = after_moment(run.pause.body, moment, occasions)
    return changed_pause(run, moment.what, changed, ", ".join(moment.assignees))


def changed_pause(run: Run, what: str, changed: JsonObject, note: str) -> ChangePause:
    """Return the change of a pause by the clock, and when the next thing is due."""
    assert run.pause is not None  # noqa: S101 - the callers have looked
    body: JsonObject = {**run.pause.body, **changed}
    times = [at for at in (next_moment_ms(body), run.answer_by_ms) if at is not None]
    return ChangePause(what, changed, note=note, wake_at_ms=min(times, default=None))


def _notices(live: LiveRun, run: Run) -> Sequence[Notice]:
    assert run.current is not None  # noqa: S101 - it is paused in a step
    settings: Any = live.usable.steps[run.current.step_id].settings
    return settings.notify if isinstance(settings, AskSettings) else ()
