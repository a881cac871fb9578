"""What is in memory of sign-ins at MCP servers is what the journal has."""

import asyncio
from typing import Any

from app.clock import SystemClock
from app.outbound.way_out import WayOut
from app.secrets.seal import Keyring
from app.settings.mcp import McpServerSettings
from app.tools.mcp.grants import Registration, Tokens, Way
from app.tools.mcp.sign_ins import Place, SignIns
from journal import McpSignInRow

SERVER = McpServerSettings.model_validate({"url": "https://mcp.example/mcp", "signIn": {}})
REGISTRATION = Registration("https://login.example", "https://here.example/back", "client")
WAY = Way(REGISTRATION, "https://a", "https://t", None, "https://mcp.example/mcp", None, names_itself=False)  # fmt: skip


class Table:
    """One sign-in, until it is `gone`; the first reading waits for `go`."""

    def __init__(self, tokens: bytes) -> None:
        self.is_gone, self.reads = False, 0
        self.has_read, self.go = asyncio.Event(), asyncio.Event()
        self._row = McpSignInRow("acme", "s", None, None, tokens, "person:ada", 1, 0)

    async def all(self) -> list[McpSignInRow]:
        found = [] if self.is_gone else [self._row]
        self.reads += 1
        if not self.has_read.is_set():
            self.has_read.set()
            await self.go.wait()
        return found


async def test_somebody_who_signs_out_while_sign_ins_are_read_stays_signed_out() -> None:
    keyring = Keyring(bytes(32))
    sealed = keyring.seal("mcp tokens", "acme", "s", Tokens(WAY, "access", None, None).text())
    table: Any = Table(sealed)
    place = Place("https://here.example", (), WayOut())
    sign_ins = SignIns({"s": SERVER}, table, keyring, SystemClock(), lambda *_: None, place)
    reading = asyncio.create_task(sign_ins.load())
    await table.has_read.wait()
    table.is_gone = True
    sign_ins._forget(("acme", "s"))
    table.go.set()
    await reading
    assert (dict(sign_ins.all()), table.reads) == ({}, 2)
    await sign_ins.close()
