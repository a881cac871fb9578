"""Streams a model's answer, without secrets, to the readers of the run's events."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from app.llm.thoughts import without_thoughts
from engine import Json, JsonObject, iso_time

_EVERY_S = 0.05
"""Pieces that arrive within this many seconds are sent together."""

_REST = 20
"""After sending, wait this many times as long as the sending took.

Masking a long text with many secrets takes milliseconds each time.
"""

_HELD_BACK = 128
"""How many characters at the end are held back until more arrive: a secret may begin in them."""

_LONGEST = 50_000
"""How many characters of one answer are streamed."""

recording: ContextVar[str] = ContextVar("recording", default="")
"""The name of the record that the current task works for."""


class Listeners(Protocol):
    """The readers of the events of runs."""

    def are_read(self, run_id: str) -> bool:
        """Return whether anybody reads a run's events now."""
        ...

    def tell(self, run_id: str, delta: JsonObject) -> None:
        """Send a piece to all readers."""
        ...


class AnswerText:
    """Streams the text of one answer, piece by piece."""

    def __init__(
        self,
        listeners: Listeners,
        where: JsonObject,
        now_ms: Callable[[], int],
        mask: Callable[[Json], Json],
    ) -> None:
        self._listeners = listeners
        self._where = where
        self._now_ms = now_ms
        self._mask = mask
        self._parts: list[str] = []
        self._size = 0
        self._sent = ""
        self._due_s = 0.0

    def take(self, text: str) -> None:
        """Take a piece of the answer."""
        if not text or self._size > _LONGEST:
            return
        self._parts.append(text)
        self._size += len(text)
        time = asyncio.get_running_loop().time
        began_s = time()
        if began_s >= self._due_s and self._listeners.are_read(str(self._where["runId"])):
            self._send(_HELD_BACK)
            ended_s = time()
            self._due_s = max(began_s + _EVERY_S, ended_s + _REST * (ended_s - began_s))

    def end(self) -> None:
        """Send what has been held back: the answer is complete."""
        if self._parts and self._listeners.are_read(str(self._where["runId"])):
            self._send(0)

    def _send(self, held_back: int) -> None:
        self._parts = ["".join(self._parts)]
        shown = str(self._mask(without_thoughts(self._parts[0])))
        shown = shown[: max(0, len(shown) - held_back)]
        if len(shown) <= len(self._sent) or not shown.startswith(self._sent):
            return
        at, self._sent = len(self._sent), shown
        delta: JsonObject = {
            "type": "call.delta", "time": iso_time(self._now_ms()), **self._where,
            "name": recording.get(), "at": at, "text": shown[at:],
        }  # fmt: skip
        self._listeners.tell(str(self._where["runId"]), delta)
