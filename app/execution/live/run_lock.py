"""The lock of one run: held while events are decided and made durable."""

import asyncio
from collections import deque
from collections.abc import Callable


class RunLock:
    """A lock that is taken at once if it is free, and in order of request if not.

    Commands wait for it as coroutines. The driver waits by a callback, which is called with the
    lock held.
    """

    __slots__ = ("_held", "_line")

    def __init__(self) -> None:
        self._held = False
        self._line: deque[Callable[[], bool]] | None = None

    def take_now(self) -> bool:
        """Take the lock if it is free; return whether it was."""
        if self._held:
            return False
        self._held = True
        return True

    def take(self, then: Callable[[], None]) -> None:
        """Call `then` with the lock held: at once if it is free, else from the event loop later."""
        if self.take_now():
            then()
            return
        loop = asyncio.get_running_loop()

        def called() -> bool:
            loop.call_soon(then)
            return True

        self._stand_in_line(called)

    def release(self) -> None:
        """Pass the lock to the next in line that still waits, or free it."""
        while self._line:
            if self._line.popleft()():
                return
        self._held = False

    async def __aenter__(self) -> None:
        if self.take_now():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def called() -> bool:
            if turn.done():
                return False
            turn.set_result(None)
            return True

        self._stand_in_line(called)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # cancelled in the moment it got the lock
            raise

    async def __aexit__(self, *_: object) -> None:
        self.release()

    def _stand_in_line(self, called: Callable[[], bool]) -> None:
        if self._line is None:
            self._line = deque()
        self._line.append(called)
