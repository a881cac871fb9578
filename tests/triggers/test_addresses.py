"""Which trigger has which address is known in memory, and stays what the journal says."""

import asyncio
from pathlib import Path

import pytest

from app.assembly import open_services
from app.clock import SystemClock
from app.settings.server import load
from app.triggers.trigger_document import RequestTrigger
from journal import TriggerTable
from tests.triggers.conftest import nothing_to_do


async def test_an_address_made_while_all_are_read_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, may_return = asyncio.Event(), asyncio.Event()
    addresses = TriggerTable.addresses

    async def slowly(self: TriggerTable) -> dict[bytes, tuple[str, str]]:
        found = await addresses(self)
        read.set()
        await may_return.wait()
        return found

    monkeypatch.setattr(TriggerTable, "addresses", slowly)
    async with open_services(load({"data": tmp_path}).settings, SystemClock()) as services:
        await services.workflows.create("acme", nothing_to_do("w"))
        kept = services.triggers.kept
        asking = asyncio.create_task(kept.found("x" * 43))
        await read.wait()
        body = RequestTrigger.model_validate({"workflowId": "w", "verify": {"preset": "none"}})
        _, made = await kept.put("acme", "t", body)
        may_return.set()
        assert await asking is None
        found = await kept.found(str(made.path).removeprefix("/in/"))
        assert found is not None
        assert found.id == "t"
