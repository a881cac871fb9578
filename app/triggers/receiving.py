"""Handles a request to a trigger's address: verify it, read it, start or signal a run.

The outcome of each trigger's newest requests is stored, so that the owner can inspect and repeat
them. Requests that fail verification are stored separately and at a limited rate, so a flood of
them displaces nothing else and costs hardly any disk writes.
"""

import hashlib
import time
import uuid
from functools import partial

from app.auth.rate_limits import RateLimit
from app.clock import Clock
from app.concurrency.offload import offload
from app.execution.driving.signals import IDS_KEPT_MS, Signals
from app.files.uploads import Files, attachment_of
from app.secrets.vault import Secrets
from app.telemetry import log
from app.triggers.arrived import Arrived, Content, content_of, described, request_scope
from app.triggers.compiled_trigger import CompiledTrigger
from app.triggers.keyed_starts import KeyedStarts, StartRefused, Target
from app.triggers.verification import NotVerified, verify
from app.wire.parsing.errors import BadRequest, PayloadTooLarge
from engine import Json, JsonObject
from engine.value import value
from journal import (
    LONGEST_KEPT_BODY_BYTES,
    ArrivedRequest,
    Firing,
    Journal,
    JournalError,
    NewSignal,
    TooManySignals,
    TriggerRow,
)
from steps.contract.step_type import Problem, StepBroke, listed
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.template import as_text
from steps.signal_names import is_key

KEPT = 50
"""How many requests of each trigger are kept."""

_KEPT_REFUSED = 10
_REFUSED_RATE, _REFUSED_BURST = 0.2, 10
"""How many refused requests of each trigger are stored, per second and at once."""

_LONG_TO_SIGN_BYTES = 1_048_576
"""The size in bytes from which a signature is computed beside the event loop."""

_LONGEST_KEY = 200
_LONGEST_MESSAGE = 1_000


class NotUnderstood(Exception):
    """A request cannot be mapped to what it should start.

    Attributes:
        why: The reason, for the trigger's owner; it is not sent to the sender.
    """

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__("the request does not fit what this address is for; its owner can see why")


class NotReady(Exception):
    """A trigger is paused or something it needs is missing, which is not the sender's fault.

    Attributes:
        retry_after_s: Whole seconds after which a retry makes sense.
    """

    retry_after_s = 60

    def __init__(self) -> None:
        super().__init__("this address does not accept requests now; try again later")


class CannotReplay(Exception):
    """A request was too long to be stored completely."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the body of request {key} is not kept, so it cannot be repeated")


@value(frozen=True, slots=True)
class Receipt:
    """The outcome of a request.

    Attributes:
        outcome: As in its firing.
        run_id: The run that was started, now or when its key was first used.
        answer: The reply to a sender that asks the address to confirm itself.
    """

    request_id: str
    outcome: str
    run_id: str | None = None
    answer: str | None = None


class Receiving:
    """Handles requests to the trigger addresses of all tenants."""

    def __init__(  # noqa: PLR0913 - the services that a request uses
        self,
        journal: Journal,
        starts: KeyedStarts,
        signals: Signals,
        secrets: Secrets,
        files: Files,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._starts = starts
        self._signals = signals
        self._secrets = secrets
        self._files = files
        self._clock = clock
        self._refusals = RateLimit(_REFUSED_RATE, _REFUSED_BURST, time.monotonic)

    async def receive(self, trigger: CompiledTrigger, arrived: Arrived, largest: int) -> Receipt:
        """Carry out what a request asks for; what it starts is durable when this returns.

        Args:
            trigger: The trigger whose address was called.
            arrived: The request.
            largest: The most bytes that its files may have together.

        Raises:
            NotVerified: The sender is not the expected one.
            NotReady: The trigger's secret does not exist.
            NotUnderstood: Its condition, key or mapping failed.
            StartRefused: The mapped data is not valid input of the workflow.
            BadRequest: Its body cannot be read.
            Overloaded: The server is overloaded; nothing is stored.
        """
        try:
            if arrived.replay_of is None:
                await self._verify(trigger, arrived)
            receipt, message = await self._taken(trigger, arrived, largest)
        except NotVerified as refused:
            if self._refusals.wait_s(f"{trigger.row.tenant}:{trigger.row.id}") == 0:
                self._refusals.take(f"{trigger.row.tenant}:{trigger.row.id}")
                await self._note(trigger, arrived, "refused", None, refused.why)
            raise
        except (StartRefused, BadRequest, PayloadTooLarge, TooManySignals) as failed:
            await self._note(trigger, arrived, "failed", None, _reason(failed))
            raise
        except ExpressionError as failed:
            await self._note(trigger, arrived, "failed", None, str(failed))
            raise NotUnderstood(str(failed)) from failed
        await self._note(trigger, arrived, receipt.outcome, receipt.run_id, message)
        return receipt

    async def receive_again(
        self, trigger: CompiledTrigger, firing: Firing, request: ArrivedRequest, largest: int
    ) -> Receipt:
        """Receive a stored request again, as if it arrived now; its sender is not verified again.

        Raises:
            CannotReplay: It was refused, or its body is not stored.
            StartRefused: It does not fit the trigger as it is now.
        """
        if not is_replayable(firing, request):
            raise CannotReplay(firing.key)
        again = Arrived(
            new_request_id(),
            self._clock.now_ms(),
            request.method,
            request.query,
            request.headers,
            frozenset(),
            request.body or b"",
            replay_of=firing.key,
        )
        try:
            return await self.receive(trigger, again, largest)
        except NotUnderstood as failed:
            problem = Problem("request", failed.why)
            raise StartRefused("the request does not fit", (problem,)) from failed

    async def _verify(self, trigger: CompiledTrigger, arrived: Arrived) -> None:
        how = trigger.body.verify
        names = [name for name in (how.secret, how.formerSecret) if name is not None]
        secrets = []
        for name in names:
            try:
                secrets.append(await self._secrets.get(trigger.row.tenant, name))
            except StepBroke as missing:
                if name == how.formerSecret:
                    continue
                await self._note(trigger, arrived, "failed", None, str(missing))
                raise NotReady from missing
        if twice := sorted(trigger.hidden & arrived.repeated):
            raise NotVerified(f"the header {twice[0]} is there twice")
        work = partial(verify, how, secrets, arrived.headers, arrived.body, arrived.at_ms)
        if len(arrived.body) < _LONG_TO_SIGN_BYTES:
            work()
        else:
            await offload(work)

    async def _taken(
        self, trigger: CompiledTrigger, arrived: Arrived, largest: int
    ) -> tuple[Receipt, str | None]:
        content = await content_of(arrived, largest)
        if (challenge := _challenge(trigger, content)) is not None:
            return Receipt(arrived.id, "answered", answer=challenge), "the challenge of its sender"
        scope = request_scope(arrived, content, described(content.uploads), trigger.hidden)
        with Allowance():
            if trigger.when is not None and not await trigger.when.evaluated(scope):
                return Receipt(arrived.id, "skipped"), "its condition is false"
            key = await self._key(trigger, arrived, scope)
            if content.uploads:
                files = await self._stored(trigger, content, key)
                scope = request_scope(arrived, content, files, trigger.hidden)
            data: Json = content.value
            if trigger.data is not None:
                data = await trigger.data.rendered(scope)
            if trigger.body.signal is not None:
                signal_key = as_text(await trigger.signal_key.rendered(scope))
                return await self._sent(trigger, arrived, signal_key, key, data)
        if trigger.data is None and isinstance(data, dict | None):
            data = {**(data or _query_of(arrived, scope)), **_file_ids(scope)}
        return await self._started(trigger, arrived, key, data)

    async def _key(self, trigger: CompiledTrigger, arrived: Arrived, scope: JsonObject) -> str:
        """Return the idempotency key of a start: only one run is started for each."""
        given = await trigger.key.rendered(scope)
        key = "" if given is None else as_text(given)
        if not key or arrived.replay_of is not None:
            key = arrived.id
        elif len(key) > _LONGEST_KEY or not key.isprintable():
            key = f"sha256-{hashlib.sha256(key.encode()).hexdigest()}"
        return f"{trigger.row.source}:{key}"

    async def _started(
        self, trigger: CompiledTrigger, arrived: Arrived, key: str, data: Json
    ) -> tuple[Receipt, str | None]:
        if not isinstance(data, dict):
            problem = Problem("data", "must be an object")
            raise StartRefused("the data does not fit", (problem,))
        row, body = trigger.row, trigger.body
        target = Target(row.tenant, str(body.workflowId), body.version)
        size = max(1_024, len(arrived.body))
        started = await self._starts.start(target, data, key, row.source, size=size)
        outcome = "started" if started.is_new else "repeated"
        message = None if started.is_new else "its idempotency key had been used"
        return Receipt(arrived.id, outcome, started.run_id), message

    async def _sent(
        self, trigger: CompiledTrigger, arrived: Arrived, signal_key: str, key: str, data: Json
    ) -> tuple[Receipt, str | None]:
        signal = trigger.body.signal
        assert signal is not None  # noqa: S101 - checked by the caller
        if not is_key(signal_key):
            problem = Problem("signal.key", "gives no valid key of a signal")
            raise StartRefused("no signal", (problem,))
        now_ms = self._clock.now_ms()
        new = NewSignal(
            signal.name,
            signal_key,
            data,
            now_ms,
            now_ms + signal.keepFor,
            now_ms + IDS_KEPT_MS,
            key,
            to_all=signal.to == "all",
        )
        sent = await self._signals.send(trigger.row.tenant, new)
        if not sent.is_new:
            return Receipt(arrived.id, "repeated"), "its idempotency key had been used"
        taken = sent.delivered_to[0] if sent.delivered_to else None
        message = f"signal {signal.name}" + ("" if taken else ", stored until a run waits for it")
        return Receipt(arrived.id, "sent", taken), message

    async def _stored(self, trigger: CompiledTrigger, content: Content, key: str) -> JsonObject:
        """Store the files of a request, once per key; return them as a run sees them."""
        found: JsonObject = {}
        for name, upload in content.uploads.items():
            row = await self._files.store(trigger.row.tenant, upload, f"{key}:{name}")
            found[name] = attachment_of(row)
        return found

    async def _note(
        self,
        trigger: CompiledTrigger,
        arrived: Arrived,
        outcome: str,
        run_id: str | None,
        message: str | None,
    ) -> None:
        """Store the outcome of a request. The outcome counts even if this fails."""
        row, refused = trigger.row, outcome == "refused"
        note = message
        if note is not None:
            note = (await self._masked(row, note))[:_LONGEST_MESSAGE]
        if arrived.replay_of is not None:
            note = f"{arrived.replay_of} again" + (f": {note}" if note else "")
        source = row.refused if refused else row.source
        firing = Firing(source, arrived.id, arrived.at_ms, outcome, run_id, note)
        body = None if refused or len(arrived.body) > LONGEST_KEPT_BODY_BYTES else arrived.body
        if body:
            text = body.decode("utf-8", "surrogateescape")
            body = (await self._masked(row, text)).encode("utf-8", "surrogateescape")
        kept = arrived.kept(trigger.hidden, await self._masked(row, arrived.query), body)
        try:
            await self._journal.triggers.note(row, firing, kept, _KEPT_REFUSED if refused else KEPT)
        except JournalError as failure:
            log.request_not_noted(row.tenant, row.id, failure)

    async def _masked(self, row: TriggerRow, text: str) -> str:
        return str(await self._secrets.mask(row.tenant, text))


def is_replayable(firing: Firing, request: ArrivedRequest) -> bool:
    """Return whether a stored request can be received again: it was accepted, and is whole."""
    return firing.outcome != "refused" and (request.body is not None or not request.size)


def new_request_id() -> str:
    """Return a new id for a request."""
    return f"req_{uuid.uuid4().hex}"


def _challenge(trigger: CompiledTrigger, content: Content) -> str | None:
    """Return the reply that Slack expects when an address is registered there."""
    value = content.value
    if trigger.body.verify.preset != "slack" or not isinstance(value, dict):
        return None
    if value.get("type") == "url_verification" and isinstance(value.get("challenge"), str):
        return str(value["challenge"])[:_LONGEST_MESSAGE]
    return None


def _query_of(arrived: Arrived, scope: JsonObject) -> JsonObject:
    """Return the parameters of a request whose method has no body."""
    request = scope["request"]
    query = request.get("query") if isinstance(request, dict) else None
    return query if arrived.method == "GET" and isinstance(query, dict) else {}


def _file_ids(scope: JsonObject) -> JsonObject:
    """Return the ids of the files of a request, by field."""
    request = scope["request"]
    files = request.get("files") if isinstance(request, dict) else None
    return {
        name: item["fileId"]
        for name, item in (files.items() if isinstance(files, dict) else ())
        if isinstance(item, dict)
    }


def _reason(failure: Exception) -> str:
    problems: tuple[Problem, ...] = getattr(failure, "problems", ())
    shown = listed(problems[:3])
    text = str(failure)
    return text if not shown or shown in text else f"{text}: {shown}"
