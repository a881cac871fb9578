"""What systemd is told of the server: that it is ready, that it stops, that it lives.

The protocol is one datagram a message, to the socket that `NOTIFY_SOCKET` names:
https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import asyncio
import contextlib
import os
import socket

_READY, _STOPPING, _ALIVE = b"READY=1", b"STOPPING=1", b"WATCHDOG=1"


class ServiceManager:
    """Tells the service manager that started this process; tells nobody where none did."""

    def __init__(self) -> None:
        # Neither the steps' processes nor a second server in this process speak for this one.
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        alive_us = os.environ.pop("WATCHDOG_USEC", "")
        meant = os.environ.pop("WATCHDOG_PID", "") or str(os.getpid())
        self.alive_every_s: float | None = None
        """How often the loop must be seen to turn; None where nobody looks."""
        if self._address and alive_us.isdecimal() and meant == str(os.getpid()):
            self.alive_every_s = int(alive_us) / 2_000_000

    def ready(self) -> None:
        """Say that requests are taken."""
        self._tell(_READY)

    def stopping(self) -> None:
        """Say that the server stops in good order."""
        self._tell(_STOPPING)

    async def keep_alive(self) -> None:
        """Say twice within each time limit that the loop turns, until cancelled."""
        while self.alive_every_s:
            self._tell(_ALIVE)
            await asyncio.sleep(self.alive_every_s)

    def _tell(self, message: bytes) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        # Where it cannot be told, it does by its own time limits what it does.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(message, address)
