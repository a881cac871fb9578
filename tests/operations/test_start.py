"""What holds at the moment when a start shows the server's address."""

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.server import _serve
from app.services import Services
from app.settings.server import Settings


class Connected(Exception):
    """The address has taken a connection."""


async def test_whoever_is_shown_the_address_can_connect_to_it(tmp_path: Path) -> None:
    @contextlib.asynccontextmanager
    async def alongside(services: Services, address: str) -> AsyncIterator[None]:
        host, port = address.removeprefix("http://").split(":")
        socket.create_connection((host, int(port)), timeout=60).close()
        raise Connected
        yield

    with pytest.raises(Connected):
        await _serve(Settings(data=tmp_path / "data", port=0), alongside)
