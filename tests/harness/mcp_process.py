"""A process that serves MCP over HTTP, and the settings for it."""

import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.harness.processes import Forked, script, start_script
from tests.harness.server import free_port

SERVER = str(Path(__file__).with_name("mcp_server.py"))


def over_pipes(**environment: str) -> dict[str, Any]:
    """Return the settings of a server that is started as a process."""
    command, *arguments = script(SERVER)
    return {"command": command, "args": arguments, "env": environment}


class McpProcess:
    """An MCP server over HTTP; it keeps its port after a restart."""

    def __init__(self, *arguments: str, script: str = SERVER, **environment: str) -> None:
        self.port = free_port()
        self.script, self.arguments = script, arguments
        self.environment = {**os.environ, **environment}
        self.process: Forked | None = None

    @property
    def settings(self) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{self.port}/mcp"}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = start_script(
            self.script, self.port, *self.arguments, environment=self.environment
        )
        until = time.monotonic() + 60
        while not self._answers():
            assert self.process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """Send SIGKILL if it is running."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
