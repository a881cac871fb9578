"""A mail server that delivers nothing: it stores every message in a folder."""

import socketserver
import threading
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from stand_ins.served import Served

Arrived = Callable[[EmailMessage], None]

_ANSWERS = {
    b"HELO": b"250 stand-in",
    b"EHLO": b"250-stand-in\r\n250-8BITMIME\r\n250 SMTPUTF8",
    b"MAIL": b"250 OK",
    b"RCPT": b"250 OK",
    b"RSET": b"250 OK",
    b"NOOP": b"250 OK",
    b"DATA": b"354 end with a dot on a line of its own",
    b"QUIT": b"221 goodbye",
}


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class MailServer(Served):
    """Accepts mail by SMTP without encryption or login.

    Attributes:
        kept: The messages, oldest first; each is also a file in the folder.
    """

    def __init__(self, folder: Path, arrived: Arrived, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.kept: list[EmailMessage] = []
        self._folder = folder
        self._arrived = arrived
        self._lock = threading.Lock()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say(b"220 stand-in")
                while line := self.rfile.readline(2_000):
                    verb = line[:4].upper()
                    self._say(_ANSWERS.get(verb, b"502 not known here"))
                    if verb == b"QUIT":
                        return
                    if verb == b"DATA":
                        outer.keep(self._message())
                        self._say(b"250 kept")

            def _say(self, answer: bytes) -> None:
                self.wfile.write(answer + b"\r\n")

            def _message(self) -> bytes:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    # The sender doubled a leading dot (RFC 5321, 4.5.2).
                    lines.append(line[1:] if line.startswith(b".") else line)
                return b"".join(lines)

        super().__init__(_Listener(("127.0.0.1", port), Handler))

    def keep(self, content: bytes) -> None:
        """Store one message and report it."""
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(content)
        with self._lock:
            self.kept.append(message)
            (self._folder / f"{len(self.kept):03}.eml").write_bytes(content)
        self._arrived(message)
