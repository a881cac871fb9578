"""A proxy between a client and a server that can be cut, or lose the server's answers."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_PIECE = 65_536


class UnreliableProxy:
    """Forwards every connection to a server, unless it is cut or loses answers."""

    def __init__(self, to: str) -> None:
        parts = urlsplit(to)
        assert parts.hostname
        assert parts.port
        self._to = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._is_cut = False
        self._loses = False
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        self._listener.close()

    @property
    def address(self) -> str:
        """The address that clients connect to."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self) -> None:
        """Close every connection, and accept none until `mend`."""
        self._is_cut = True
        for end in self._ends:
            _close(end)
        self._ends.clear()

    def lose_answers(self) -> None:
        """Forward requests, and close the connection instead of returning the answer."""
        self._loses = True

    def mend(self) -> None:
        """Forward everything again."""
        self._is_cut = self._loses = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._is_cut:
                    _close(client)
                    continue
                server = socket.create_connection(self._to)
                self._ends += [client, server]
                for where in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=where, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if is_answer and self._loses:
                    self.lost += 1
                    break
                target.sendall(piece)
        _close(source)
        _close(target)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
