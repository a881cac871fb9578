"""Takes connections, and waits a moment when there is no file for one.

asyncio's own way of taking them tries again thousands of times a second, with a line in the log
for each, when the limit of open files has been reached.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from app.telemetry import log

_AT_ONCE = 16
"""Connections that are taken in one turn of the event loop."""

PAUSE_S = 1.0
"""How long nothing is taken after a failure; it is logged as often."""


class Listener:
    """A listening socket whose connections are served by protocols that `make` makes."""

    def __init__(self, listening: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        self._socket = listening
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self, backlog: int) -> None:
        """Begin to take connections; `backlog` of them wait at most."""
        self._socket.setblocking(False)
        self._socket.listen(backlog)
        self._resume()

    def close(self) -> None:
        """Take no more; the socket stays open."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._take)

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # it has gone already
            except OSError as failure:
                log.connections_not_taken(failure)
                self._loop.remove_reader(self._socket)
                self._pause = self._loop.call_later(PAUSE_S, self._resume)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:
            connection.close()
