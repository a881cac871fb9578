"""Sends one message to one address, once."""

import json
from collections.abc import Sequence
from http import HTTPStatus

from app.clock import Clock
from app.events.document import EventDocument
from app.outbound.http_client import HttpClient
from app.webhooks.signature import signed_headers
from engine import JsonObject, iso_time
from engine.value import value
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest
from steps.http.retry_after import retry_after_ms

MOST_POSTS = 100
"""Messages being sent at once; beyond that, tenants take turns."""

_GONE = (
    "the answer was 410: the receiver is gone for good, so the webhook was disabled; enable it "
    "when its address is right"
)
_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@value(frozen=True, slots=True)
class Message:
    """A message for a receiver; the id is the same on every attempt."""

    id: str
    body: bytes


@value(frozen=True, slots=True)
class Outcome:
    """The result of an attempt.

    Attributes:
        status: The status of the answer, None when there was no answer.
        error: Why the message does not count as received; None when it does.
        wait_ms: How long the receiver asked to wait before the next attempt.
    """

    status: int | None
    error: str | None = None
    wait_ms: int | None = None


def message_of(event: EventDocument) -> Message:
    """Return the message for an event; its id is derived from the journal."""
    return _message(f"evt_{event.digest.hex()[:32]}", event.name, event.data["time"], event.data)


def test_message(message_id: str, now_ms: int) -> Message:
    """Return a test message without content."""
    return _message(message_id, "webhook.test", iso_time(now_ms), {})


def _message(message_id: str, name: str, time: object, data: JsonObject) -> Message:
    document = {"type": name, "timestamp": time, "data": data}
    return Message(message_id, _encoder.encode(document).encode())


class Sender:
    """Posts messages to public addresses, and to private ones that the settings allow."""

    def __init__(self, client: HttpClient, clock: Clock, timeout_s: float) -> None:
        self._client = client
        self._clock = clock
        self._timeout_s = timeout_s

    async def post(
        self, tenant: str, url: str, secrets: Sequence[str], message: Message
    ) -> Outcome:
        """Send a message; any answer from 200 to 299 means that it was received."""
        now_ms = self._clock.now_ms()
        signed = signed_headers(secrets, message.id, now_ms // 1_000, message.body)
        request = HttpRequest(
            "POST",
            url,
            headers={"content-type": "application/json", "user-agent": "Stepwell", **signed},
            content=message.body,
            follow_redirects=False,
            take="nothing",
            timeout_s=self._timeout_s,
        )
        try:
            answer = await self._client.send(request, tenant)
        except StepBroke as broke:
            return Outcome(None, str(broke))
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome(answer.status)
        if answer.status == HTTPStatus.GONE:
            return Outcome(answer.status, _GONE)
        wait_ms = retry_after_ms(answer.headers.get("retry-after"), self._clock.now_ms())
        return Outcome(answer.status, f"the answer was {answer.status}", wait_ms)
