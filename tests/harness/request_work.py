"""Counts the work of a request within the test process, in calls of Python functions."""

import sys
from types import FrameType

from tests.harness.connection import Connection

HTTP = tuple(f"/{room}/" for room in ("app/web", "app/wire", "app/auth", "starlette", "uvicorn"))
"""Where the code is that answers, without what it asks of the rest."""


class Calls:
    """Counts calls of Python functions in this thread, and those of the HTTP code among them."""

    def __init__(self) -> None:
        self.all = 0
        self.of_http = 0

    def note(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            self.all += 1
            self.of_http += any(room in frame.f_code.co_filename for room in HTTP)


async def counted(connection: Connection, request: bytes, times: int = 10) -> Calls:
    """Return the calls of the median request: others have work of the background beside them."""
    for _ in range(3):
        await connection.ask(request)
    found: list[Calls] = []
    for _ in range(times):
        calls = Calls()
        sys.setprofile(calls.note)
        try:
            await connection.ask(request)
        finally:
            sys.setprofile(None)
        found.append(calls)
    return sorted(found, key=lambda calls: calls.all)[times // 2]
