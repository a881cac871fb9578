"""Tells systemd that the server is ready, is stopping, or is alive.

The protocol is one datagram per message, to the socket that `NOTIFY_SOCKET` names:
https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import asyncio
import contextlib
import os
import socket

_READY, _STOPPING, _ALIVE = b"READY=1", b"STOPPING=1", b"WATCHDOG=1"


class ServiceManager:
    """Notifies the service manager that started this process; does nothing if there is none."""

    def __init__(self) -> None:
        # Neither child processes of steps nor a second server in this process may notify for this
        # one.
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        alive_us = os.environ.pop("WATCHDOG_USEC", "")
        meant = os.environ.pop("WATCHDOG_PID", "") or str(os.getpid())
        self.alive_every_s: float | None = None
        """How often the event loop must report that it runs; None if nobody expects it."""
        if self._address and alive_us.isdecimal() and meant == str(os.getpid()):
            self.alive_every_s = int(alive_us) / 2_000_000

    def ready(self) -> None:
        """Report that the server accepts requests."""
        self._tell(_READY)

    def stopping(self) -> None:
        """Report that the server stops gracefully."""
        self._tell(_STOPPING)

    async def keep_alive(self) -> None:
        """Report twice within each time limit that the event loop runs, until cancelled."""
        while self.alive_every_s:
            self._tell(_ALIVE)
            await asyncio.sleep(self.alive_every_s)

    def _tell(self, message: bytes) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        # If it cannot be notified, the service manager acts by its own time limits.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(message, address)
