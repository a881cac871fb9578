"""Readiness of a server while a write to its journal is blocked."""

import asyncio
import threading
from pathlib import Path

import pytest

from app.assembly import open_services
from app.settings.server import load
from app.web import readiness
from app.web.readiness import unready


async def test_a_server_with_a_blocked_write_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_LONGEST_WRITE_S", 0.05)
    disk = threading.Event()
    async with open_services(load({"data": tmp_path}).settings) as services:
        write = services.journal._writer.write
        writing = asyncio.create_task(write(lambda _: disk.wait(), 10_000))
        while services.journal.health.waits_s < 0.1:  # noqa: ASYNC110 - time passes
            await asyncio.sleep(0.02)
        said = unready(services)
        assert said is not None
        assert "a write to the journal has been waiting" in said
        disk.set()
        await writing
        assert services.journal.health.waits_s == 0
        assert "waiting" not in (unready(services) or "")
