"""Accepts connections; an idle one gives way when no file descriptor is free for the next.

If none is idle, nothing is accepted for a moment.
asyncio's own listener would retry thousands of times per second, with a log line each time, when
the limit of open files has been reached.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any

from app.telemetry import log

_AT_ONCE = 16
"""How many connections are accepted in one turn of the event loop."""

_NO_FILE = (errno.EMFILE, errno.ENFILE)

PAUSE_S = 1.0
"""How long to pause after a failure, which is logged once per pause."""


class Listener:
    """A listening socket; `make` creates the protocol of each connection.

    `make_room` closes an idle connection, and returns False if there is none.
    """

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.Protocol],
        make_room: Callable[[], bool],
    ) -> None:
        self._socket = listening
        self._make = make
        self._make_room = make_room
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def open(self) -> None:
        """Start accepting connections."""
        self._socket.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Stop accepting; the socket stays open."""
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
                continue  # it has disconnected already
            except OSError as failure:
                if failure.errno in _NO_FILE and self._make_room():
                    return  # it is closed, and this called again, in the next turn of the loop
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
