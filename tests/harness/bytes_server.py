"""A server that answers with exactly the given bytes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def saying(answer: bytes, *, keep_open: bool = False) -> Iterator[str]:
    """Return the address of a server that answers one request with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept = []

        def serve() -> None:
            try:
                talk, _ = listening.accept()
            except OSError:
                return  # nobody came
            talk.recv(65_536)
            with suppress(ConnectionError):
                talk.sendall(answer)
            if keep_open:
                kept.append(talk)
            else:
                talk.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for talk in kept:
            talk.close()
