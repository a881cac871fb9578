"""wait-for-signal: wait until a signal arrives."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from engine import SIGNAL_PAUSE, Json, JsonObject, Pause, Pauses, iso_time, scope_with
from steps.contract.records import keep
from steps.contract.step_type import (
    UNUSED_OF_A_PAUSE,
    Done,
    GoesOn,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.document.shape import Identifier
from steps.effects.effects import Effects
from steps.language.condition import Condition, compiled_condition
from steps.language.durations import Duration
from steps.language.template_places import DECIDES
from steps.signal_names import CALLBACK, SignalKey, SignalName, key_of

_MOST = 1_000


class WaitForSignalSettings(StepSettings):
    """The signal for which the run waits."""

    signal: SignalName | None = Field(None, description="the signal's name, such as `payment`")
    key: SignalKey
    callback: Identifier | None = Field(
        None,
        description="instead of `signal` and `key`: the id of a step that has passed on its own "
        "address (`{{ step.callbackUrl }}`); the signals are the requests sent to it",
    )
    deadline: Duration | None = Field(
        None, description="how long to wait before the run takes the edge with `on` `timeout`"
    )
    count: int | None = Field(
        None, ge=1, le=_MOST, description="how many signals to gather into a list"
    )
    until: Annotated[Condition | None, DECIDES] = Field(
        None,
        description="a condition on `signals`, the list so far, and `signal`, the newest: it "
        f"gathers until that is true, {_MOST} at most",
    )


class WaitForSignal(StepType[WaitForSignalSettings]):
    """Waits for a signal, which `POST /api/signals`, a step or a webhook sends.

    When the step is entered, it takes the oldest signal that arrived earlier. One signal goes to
    one run: the one that has waited longest. The output is the signal: `name`, `key`, `data`, `id`,
    `sentAt`. With `count` or `until` the output is `signals`, a list of them, and `count`; after a
    timeout it has the signals that arrived by then. The run is paused with the type
    `wait_for_signal`.
    """

    type = "wait-for-signal"
    settings = WaitForSignalSettings
    built_in = True
    own_errors = False
    unused = UNUSED_OF_A_PAUSE
    errors = {
        "DeadlinePassed": "no signal came before the deadline, and no `timeout` edge is true",
        "InvalidSignal": "`key` gives no text, or a step that `callback` names was not entered",
        "TooManySignals": f"{_MOST} signals have come and `until` is not true yet",
    }
    example = {
        "id": "paid",
        "type": "wait-for-signal",
        "signal": "payment",
        "key": "{{ data.orderId }}",
        "deadline": "3d",
        "output": {"amount": {"type": "number", "value": "{{ signal.data.amount }}"}},
    }
    acts = False

    def check(
        self, settings: WaitForSignalSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Require either a signal or a callback, and at most one of a count and a condition."""
        if (settings.signal is None) == (settings.callback is None):
            yield Problem("signal", "give either signal or callback")
        if settings.signal == CALLBACK:
            yield Problem("signal", f"{CALLBACK} is kept for addresses of steps; use callback")
        if settings.callback is not None and settings.key.source != "":
            yield Problem("key", "has no meaning with callback")
        if settings.count is not None and settings.until is not None:
            yield Problem("until", "give either count or until")

    async def execute(
        self, settings: WaitForSignalSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Wait until enough signals have come."""
        signals = _received(effects)
        if await _is_enough(settings, step, signals):
            if _gathers(settings):
                output: Json = {"signals": list(signals), "count": len(signals)}
                return Done(output, {"signals": list(signals), "signal": signals[-1]})
            return Done(signals[0], {"signal": signals[0]})
        name, key = CALLBACK, effects.callback_key(settings.callback or "")
        if settings.callback is None:
            name, key = str(settings.signal), await key_of(settings.key, step.scope)
        elif not key:
            message = f"the run has not been in step {settings.callback}"
            raise StepBroke("InvalidSignal", message, retryable=False)
        body: JsonObject = {"stepId": step.step_id, "name": name, "key": key}
        if _gathers(settings):
            body["received"] = len(signals)
        deadline_ms = await _deadline_ms(settings, effects)
        if deadline_ms is not None:
            body["deadline"] = iso_time(deadline_ms)
        return Pauses(Pause(SIGNAL_PAUSE, body), deadline_ms)

    def accept(
        self,
        settings: WaitForSignalSettings,
        step: StepInput,
        pause: JsonObject,
        answer: JsonObject,
    ) -> GoesOn:
        """Keep a signal, and check whether it was the last one needed."""
        received = pause.get("received", 0)
        number = received + 1 if isinstance(received, int) else 1
        return GoesOn(f"signal-{number}", answer["signal"])


def _gathers(settings: WaitForSignalSettings) -> bool:
    return settings.count is not None or settings.until is not None


def _received(effects: Effects) -> list[Json]:
    found: list[Json] = []
    while (signal := effects.recalled(f"signal-{len(found) + 1}")) is not None:
        found.append(signal)
    return found


async def _is_enough(settings: WaitForSignalSettings, step: StepInput, signals: list[Json]) -> bool:
    if not signals:
        return False
    if settings.until is None:
        return len(signals) >= (settings.count or 1)
    scope = scope_with(step.scope, {"signals": list(signals), "signal": signals[-1]})
    if await compiled_condition(settings.until).evaluated(scope) is True:
        return True
    if len(signals) >= _MOST:
        message = f"{_MOST} signals have come, and until is not true"
        raise StepBroke("TooManySignals", message, retryable=False)
    return False


async def _deadline_ms(settings: WaitForSignalSettings, effects: Effects) -> int | None:
    """Return the time of the deadline, the same for all signals that a step gathers."""
    if settings.deadline is None:
        return None
    at_ms = effects.now_ms() + settings.deadline
    if not _gathers(settings):
        return at_ms
    kept = await keep(effects, "deadline", at_ms)
    return kept if isinstance(kept, int) else at_ms
