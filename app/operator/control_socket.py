"""The server's control socket: commands from the command line while the server has the folder open.

Exactly one process may open the database. If no server runs, that process is the command line. If
one runs, the command line sends the command to the server's socket, which only the owner of the
folder can reach.
"""

import asyncio
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from app.auth.callers import Authenticator
from app.clock import Clock
from app.operator.commands import COMMANDS, OperatorContext, operate
from app.operator.data_folder import Progress
from app.operator.errors import CommandFailed
from app.operator.tenant_commands import perform
from app.secrets.vault import Secrets
from app.telemetry import log

_LONGEST_LINE_BYTES = 1_048_576
_LONGEST_PATH = 100
_PATIENCE_S = 5.0


def _teller(writer: asyncio.StreamWriter) -> Progress:
    """Return a function that sends progress to the client, from any thread."""
    loop = asyncio.get_running_loop()

    def send_line(words: str) -> None:
        if not writer.is_closing():
            writer.write(json.dumps({"progress": words}).encode() + b"\n")

    def tell(words: str) -> None:
        loop.call_soon_threadsafe(send_line, words)

    return tell


class Control:
    """The server's side: a socket that accepts one command per connection."""

    def __init__(
        self, place: OperatorContext, authenticator: Authenticator, secrets: Secrets, clock: Clock
    ) -> None:
        self._place = place
        self._journal = place.journal
        self._authenticator = authenticator
        self._secrets = secrets
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._folder: Path | None = None
        self._path = Path()

    async def open(self, data: Path) -> None:
        """Listen, and write the socket's path to the lock file."""
        self._path = Path(os.path.abspath(data)) / "control.sock"  # noqa: PTH100, ASYNC240 - no I/O
        if len(os.fsencode(self._path)) > _LONGEST_PATH:
            self._folder = Path(tempfile.mkdtemp(prefix="stepwell-"))
            self._path = self._folder / "control.sock"
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, self._path, limit=_LONGEST_LINE_BYTES
            )
        finally:
            os.umask(before)
        self._journal.lock.announce(self._path)

    async def close(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()
        self._path.unlink(missing_ok=True)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = ""
        try:
            command, given = await _read(reader)
            answer = await self._answer(command, given, _teller(writer))
        except CommandFailed as refused:
            answer = {"failed": str(refused)}
        except Exception as broken:  # noqa: BLE001 - a fault in a command ends no server
            log.command_broken(command, broken)
            answer = {"failed": f"the server failed ({type(broken).__name__}); see its log"}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async def _answer(self, command: str, given: dict[str, Any], tell: Progress) -> dict[str, Any]:
        if command in COMMANDS:
            answer = await operate(self._place, command, given, tell)
            await asyncio.sleep(0)  # progress is sent before the answer
            return answer
        answer = await perform(self._journal, self._vault, self._clock, command, given)
        await self._authenticator.load()
        return answer

    async def _vault(self) -> Secrets:
        return self._secrets


async def _read(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]]:
    """Return the command that was sent and its arguments. Raises `CommandFailed`."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            sent = json.loads(await reader.readline())
        return str(sent["command"]), dict(sent["given"])
    except (ValueError, KeyError, TypeError, TimeoutError) as malformed:
        why = type(malformed).__name__
        raise CommandFailed(f"the command cannot be read ({why})") from malformed
