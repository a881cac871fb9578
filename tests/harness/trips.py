"""A proxy to a PostgreSQL server that counts round trips."""

import selectors
import socket
import threading
from pathlib import Path
from typing import Self

_PIECE = 65_536


class CountedTrips:
    """Forwards connections to the socket in a folder.

    Attributes:
        trips: How often a client has sent something at first or after an answer.
    """

    def __init__(self, folder: Path, to: Path) -> None:
        self.folder = folder
        self.trips = 0
        self._to = str(to / ".s.PGSQL.5432")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._to)
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        has_answered = True
        with client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    assert isinstance(key.fileobj, socket.socket)
                    piece = key.fileobj.recv(_PIECE)
                    if not piece:
                        return
                    if key.fileobj is client:
                        self.trips += has_answered
                    has_answered = key.fileobj is server
                    key.data.sendall(piece)
