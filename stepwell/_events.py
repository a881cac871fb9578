"""Reads events as they happen; after a broken stream it continues without a gap or a repeat."""

import time
from collections import deque
from collections.abc import Callable
from enum import Enum

import httpx

import stepwell._reading as reading
from stepwell._calls import Call
from stepwell._documents import ENDED, Event
from stepwell._errors import Unanswered
from stepwell._flow import Close, Flow, Open, Opened, Read, Retries, refused, unanswered

_SILENCE_S = 45.0
"""A stream that is silent for longer than three heartbeats counts as broken."""

_OVER_AND_OUT = 204
_OK = 200


class Sign(Enum):
    """Something in the stream that is not an event."""

    ALIVE = "a heartbeat, or a silence"


class Messages:
    """Splits the bytes of a stream into messages of an id and a text."""

    def __init__(self) -> None:
        self._rest = b""
        self._id: str | None = None
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[tuple[str | None, str]]:
        """Return the messages that are complete now; their text may be empty."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        whole = []
        for line in lines:
            name, _, value = line.decode().rstrip("\r").partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                self._id = value
            elif name == "data":
                self._data.append(value)
            elif not name and not value:
                whole.append((self._id, "\n".join(self._data)))
                self._id, self._data = None, []
        return whole


class EventStream:
    """The events of a run, or of all runs.

    Attributes:
        opened: The open stream, which a caller that stops early must close.
    """

    def __init__(self, call_after: Callable[[str | None], Call], retry_for_s: float) -> None:
        self.opened: Opened | None = None
        self._call_after = call_after
        self._retries = Retries(retry_for_s)
        self._messages = Messages()
        self._last_id: str | None = None
        self._events: deque[Event] = deque()
        self._ends = call_after(None).path != "/api/workflow/events"
        self._has_ended = self._is_over = False
        self._silence_s = _SILENCE_S

    def next_event(self) -> Flow[Event | None]:
        """Return the next event; None after the last event of a run that has ended."""
        while True:
            found = yield from self.next(None)
            if found is not Sign.ALIVE:
                return found

    def next(self, until: float | None) -> Flow[Event | Sign | None]:
        """Return the next event, or a heartbeat, by `until` (monotonic) or shortly after."""
        while not self._events:
            if self._is_over:
                return None
            left_s = _SILENCE_S if until is None else max(until - time.monotonic(), 0.01)
            if self.opened is not None and left_s < self._silence_s - 1:
                yield from self._close()
            if self.opened is None:
                yield from self._open(min(left_s, _SILENCE_S))
            elif (yield from self._read()):
                return Sign.ALIVE
        return self._events.popleft()

    def _open(self, silence_s: float) -> Flow[None]:
        try:
            opened = yield Open(self._call_after(self._last_id), silence_s)
        except httpx.TransportError as lost:
            yield self._retries.pause(unanswered(lost))
            return
        if opened.answer.status == _OVER_AND_OUT:
            self._is_over = True
        elif opened.answer.status == _OK:
            self.opened, self._silence_s, self._messages = opened, silence_s, Messages()
        else:
            yield self._retries.pause(*refused(opened.answer))

    def _read(self) -> Flow[bool]:
        """Read the next bytes; return a sign if they, or a silence, are only a heartbeat."""
        assert self.opened is not None  # noqa: S101 - `next` has opened it
        try:
            chunk = yield Read(self.opened)
        except httpx.ReadTimeout:
            yield from self._close()
            return True
        except httpx.TransportError as lost:
            yield from self._close()
            yield self._retries.pause(unanswered(lost))
            return False
        if not chunk:
            yield from self._close()
            self._is_over = self._ends and self._has_ended
            if not self._is_over:
                yield self._retries.pause(Unanswered("the stream of events has ended"))
            return False
        self._retries.renew()
        for last_id, text in self._messages.feed(chunk):
            self._last_id = last_id or self._last_id
            if text:
                event = reading.event(text)
                self._events.append(event)
                self._has_ended = self._has_ended or event.status in ENDED
        return not self._events

    def _close(self) -> Flow[None]:
        if self.opened is not None:
            opened, self.opened = self.opened, None
            yield Close(opened)
