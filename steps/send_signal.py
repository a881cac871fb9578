"""send-signal: send a signal to other runs that wait for it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, ValidationInfo

from engine import JsonObject
from steps.contract.step_type import Done, Outcome, Problem, StepInput, StepSettings, StepType
from steps.effects.effects import Effects
from steps.effects.outgoing import OutgoingSignal
from steps.language.durations import Duration
from steps.language.template import Template
from steps.signal_names import CALLBACK, SignalKey, SignalName, key_of

HOUR_MS = 3_600_000
LONGEST_KEEP_MS = 90 * 24 * HOUR_MS


KeepFor: TypeAlias = Annotated[
    Duration,
    Field(
        le=LONGEST_KEEP_MS,
        description="how long it is kept until a run waits for it; at most 90 days",
    ),
]
Receivers: TypeAlias = Annotated[
    Literal["one", "all"],
    Field(
        description="one: the run that has waited longest, or the first that will; all: every "
        "run that waits now"
    ),
]


def kept_for_one(to: Receivers, info: ValidationInfo) -> Receivers:
    """Return who receives a signal. Raises `ValueError` if it has a `keepFor` without effect."""
    if to == "all" and info.data.get("keepFor", HOUR_MS) != HOUR_MS:
        raise ValueError("all excludes keepFor: only runs that wait now get the signal")
    return to


class SendSignalSettings(StepSettings):
    """The signal, and the runs that receive it."""

    signal: SignalName = Field(description="the signal's name, such as `payment`")
    key: SignalKey
    data: Template = Field(
        default_factory=lambda: Template({}),
        description="the content of the signal: any JSON, a template",
    )
    keepFor: KeepFor = HOUR_MS  # noqa: N815 - the document's word
    to: Receivers = "one"


class SendSignal(StepType[SendSignalSettings]):
    """Sends a signal to runs of this tenant that wait for it now or later.

    It is stored in the same commit as the record that the step has sent it, so a crash neither
    loses it nor sends it twice.
    """

    type = "send-signal"
    settings = SendSignalSettings
    built_in = True
    own_errors = False
    resumable = True
    unused = {"output": "it delivers nothing but `name` and `key`"}
    errors = {
        "InvalidSignal": "`key` gives no text",
        "TooManySignals": "as many signals of the tenant wait for runs as may; retried",
    }
    example = {
        "id": "tell",
        "type": "send-signal",
        "signal": "payment",
        "key": "{{ data.orderId }}",
        "data": {"amount": "{{ data.amount }}"},
    }
    acts = False

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse a time to keep what is not kept."""
        if document.get("to") != "all":
            return self.unused
        return {**self.unused, "keepFor": "with `to: all` only runs that wait now get the signal"}

    def check(
        self, settings: SendSignalSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Refuse the name that is reserved for addresses of steps."""
        if settings.signal == CALLBACK:
            yield Problem("signal", f"{CALLBACK} is kept for addresses of steps")

    async def execute(
        self, settings: SendSignalSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Send the signal, once in a visit."""
        key = await key_of(settings.key, step.scope)
        data = await settings.data.rendered(step.scope)
        signal = OutgoingSignal(settings.signal, key, data, settings.keepFor, settings.to == "all")
        await effects.send_signal(signal)
        return Done({"name": settings.signal, "key": key})
