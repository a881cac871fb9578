"""Raw sockets, for requests that no HTTP client would send."""

import re
import socket
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """What the server sent until it closed the connection or the time was over."""

    text: bytes
    closed: bool

    @property
    def statuses(self) -> list[int]:
        """Return the status of every answer, in order."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.text)]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def read(connection: socket.socket, within: float = 10) -> Said:
    """Read until the server closes the connection or `within` seconds are over."""
    until, text = time.monotonic() + within, b""
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            chunk = connection.recv(65_536)
        except TimeoutError:
            break
        except ConnectionError:
            return Said(text, True)
        if not chunk:
            return Said(text, True)
        text += chunk
    return Said(text, False)


def say(port: int, request: bytes, within: float = 10, *, shut: bool = False) -> Said:
    """Send bytes on a new connection and return what the server sends."""
    with connect(port) as connection:
        try:
            connection.sendall(request)
            if shut:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass
        return read(connection, within)
