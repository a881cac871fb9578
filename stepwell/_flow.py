"""The logic of a call, written once as a flow that asks the client for each action it needs.

A flow is a generator. It yields `Send`, `Sleep`, `Open`, `Read` or `Close`, and the client sends it
the result or throws an `httpx.TransportError` into it. The clients for threads and for asyncio
differ only in how they do these five actions.
"""

import json
import random
import time
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from stepwell._calls import Call
from stepwell._errors import ApiError, StepwellError, Unanswered

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_BUSY = (429, 502, 503, 504)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_OK = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that may be a stream; `answer.body` is set only if it is not."""

    answer: Answer
    response: httpx.Response
    chunks: Iterator[bytes] | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request and return its `Answer`."""

    call: Call


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Open:
    """Send the request and return an `Opened`; `read_timeout_s` of silence breaks it."""

    call: Call
    read_timeout_s: float


@dataclass(frozen=True, slots=True)
class Read:
    """Return the next bytes; empty at the end."""

    opened: Opened


@dataclass(frozen=True, slots=True)
class Close:
    """Stop reading."""

    opened: Opened


Operation = Send | Sleep | Open | Read | Close
Flow = Generator[Operation, Any, T]


class Retries:
    """How long a failed call is retried; the pauses double, with some random variation."""

    def __init__(self, retry_for_s: float) -> None:
        self._retry_for_s = retry_for_s
        self.renew()

    def renew(self) -> None:
        """Start counting again, after a success."""
        self._until: float | None = None
        self._pause_s = _FIRST_PAUSE_S

    def pause(self, why: StepwellError, at_least_s: float = 0) -> Sleep:
        """Return the pause before the next attempt. Raises `why` if that would be too late."""
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._retry_for_s
        pause_s = max(at_least_s, self._pause_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        if now + pause_s > self._until:
            raise why
        return Sleep(pause_s)


def ask(call: Call, retry_for_s: float) -> Flow[Any]:
    """Send a request, again if that does no harm, and return the JSON of its answer.

    Raises:
        ApiError: The server refused the request.
        Unanswered: The server was not reached, or the connection broke.
    """
    retries = Retries(retry_for_s)
    while True:
        try:
            answer: Answer = yield Send(call)
        except httpx.TransportError as lost:
            failure = unanswered(lost)
            if isinstance(lost, _HOPELESS) or not (call.repeatable or isinstance(lost, _NOT_SENT)):
                raise failure from lost
            yield retries.pause(failure)
            continue
        if answer.status in _OK:
            return content(answer)
        yield retries.pause(*refused(answer, repeatable=call.repeatable))


def refused(answer: Answer, *, repeatable: bool = True) -> tuple[ApiError, float]:
    """Return the failure and the least pause before the next attempt. Raises `ApiError`.

    It raises if another attempt is useless, or could do harm.
    """
    failure = api_error(answer)
    if answer.status not in _BUSY or not (repeatable or answer.status == 429):  # noqa: PLR2004
        raise failure
    return failure, _retry_after_s(answer.headers.get("retry-after", ""))


def unanswered(lost: httpx.TransportError) -> Unanswered:
    """Return the error for a broken connection."""
    url = lost.request.url
    server = f"{url.scheme}://{url.netloc.decode()}"
    return Unanswered(f"{server} does not answer: {lost or type(lost).__name__}")


def content(answer: Answer) -> Any:
    """Return the JSON of an answer. Raises `ApiError` if it has none."""
    try:
        return json.loads(answer.body)
    except ValueError as wrong:
        error = {"error": "Unexpected answer", "message": "the answer is not JSON"}
        raise ApiError(answer.status, error) from wrong


def api_error(answer: Answer) -> ApiError:
    """Return the error of an answer, also if a proxy has written it."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "error" not in document:
        shown = answer.body[:200].decode(errors="replace")
        document = {"error": "Unexpected answer", "message": shown}
    return ApiError(answer.status, document)


def _retry_after_s(text: str) -> float:
    """Return the seconds of a `Retry-After`, which may be a number or a date."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
