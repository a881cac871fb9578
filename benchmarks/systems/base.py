"""The interface between the benchmark and a system, and the two ways to drive one."""

import asyncio
import json
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.closed_loop import GRACE_S, Connect, Load, closed_loop
from benchmarks.process import NotReady, Process, folder_bytes

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-bench"
PYTHON = VENV / "bin" / "python"


class NotHere(Exception):
    """A system is not available on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class About:
    """Facts about a system that a reader of its figures needs.

    Attributes:
        driven: Whether its callers use HTTP or run in its process.
        durable: What is on disk at which moment.
        recovers: Whether it resumes runs by itself after a kill.
    """

    name: str
    title: str
    driven: str
    durable: str
    recovers: bool = True


class System(ABC):
    """One system in one folder, from its preparation to its end."""

    about: About

    def __init__(self) -> None:
        self.processes: list[Process] = []

    @abstractmethod
    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        """Create what the first start needs. Raises `NotHere`."""

    @abstractmethod
    def launch(self) -> None:
        """Start its processes and return when it accepts runs."""

    @abstractmethod
    def load(self, callers: int, seconds: float, most: int) -> Load:
        """Start runs and wait for their results, in a closed loop."""

    @abstractmethod
    def start_gated(self, count: int) -> None:
        """Start runs whose third step waits at the gate, and return at once."""

    @abstractmethod
    def unfinished(self) -> int:
        """Return the number of unfinished runs."""

    @abstractmethod
    def stored_bytes(self) -> int:
        """Return the disk space of the runs in bytes, with the system stopped."""

    def start(self) -> float:
        """Start and return the seconds until it accepts runs."""
        began = time.perf_counter()
        try:
            self.launch()
        except BaseException:
            self.kill()
            raise
        return time.perf_counter() - began

    def stop(self) -> None:
        """Stop gracefully, in reverse order of the start."""
        while self.processes:
            self.processes.pop().stop()

    def kill(self) -> None:
        """Kill -9 all processes."""
        while self.processes:
            self.processes.pop().kill()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]


def load_over(connect: Connect, callers: int, seconds: float, most: int) -> Load:
    return asyncio.run(closed_loop(connect, callers, seconds, most))


class LibrarySystem(System):
    """A library in a separate process, driven by coroutines in that process."""

    folder: Path
    environment: dict[str, str]
    module: str

    def arguments(self) -> list[str]:
        """Return the arguments of the peer's process."""
        return []

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        require_venv()
        self.folder = folder
        self.environment = {"PYTHONPATH": str(ROOT), **environment}

    def launch(self) -> None:
        self._peer = Process(
            [PYTHON, "-m", self.module, *self.arguments()],
            self.folder / "peer.log",
            self.environment,
            talks=True,
            cwd=self.folder,
        )
        self.processes.append(self._peer)
        if not self._answer(60).get("ready"):
            raise NotReady(self._peer.log_end())

    def load(self, callers: int, seconds: float, most: int) -> Load:
        command = {"do": "load", "callers": callers, "seconds": seconds, "most": most}
        return Load(**self._ask(command, seconds + 3 * GRACE_S))

    def start_gated(self, count: int) -> None:
        self._ask({"do": "gated", "count": count}, 120)

    def unfinished(self) -> int:
        return int(self._ask({"do": "unfinished"}, 60)["unfinished"])

    def stored_bytes(self) -> int:
        return folder_bytes(self.folder)

    def _ask(self, command: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self._peer.child.stdin is not None
        self._peer.child.stdin.write(json.dumps(command).encode() + b"\n")
        self._peer.child.stdin.flush()
        return self._answer(seconds)

    def _answer(self, seconds: float) -> dict[str, Any]:
        """Read one line within a time limit: a peer that hangs is killed."""
        assert self._peer.child.stdout is not None
        guard = threading.Timer(seconds, self._peer.kill)
        guard.start()
        try:
            while line := self._peer.child.stdout.readline():
                if line.startswith(b"{"):
                    answer: dict[str, Any] = json.loads(line)
                    return answer
        finally:
            guard.cancel()
        raise NotReady(f"{self.module} has gone: {self._peer.log_end()}")


def require_venv() -> None:
    if not PYTHON.exists():
        raise NotHere("make bench-setup has not been run")
