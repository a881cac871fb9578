"""Child processes that are monitored, and that never outlive the benchmark.

Resources are counted over the whole process tree of a system.
"""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_LIBC = ctypes.CDLL(None, use_errno=True)


class NotReady(Exception):
    """A system did not become ready; the message ends with its log."""


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _die_with_parent() -> None:
    _LIBC.prctl(_DIE_WITH_PARENT, signal.SIGKILL)


class Process:
    """One child process with its log."""

    def __init__(  # noqa: PLR0913 - what a process is started with
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        talks: bool = False,
        user: str | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._log = log
        as_user: dict[str, Any] = {"user": user, "extra_groups": []} if user else {}
        with log.open("ab") as out:
            self.child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else out,
                stderr=out,
                env={**_plain_environment(), **(environment or {})},
                cwd=cwd,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - it takes no lock
                **as_user,
            )

    @property
    def pid(self) -> int:
        return self.child.pid

    def log_end(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:]

    def wait_until(
        self, is_ready: Callable[[], bool], seconds: float, every_s: float = 0.005
    ) -> None:
        """Poll until it is ready. Raises `NotReady`."""
        until = time.monotonic() + seconds
        while True:
            with suppress(OSError, ValueError):
                if is_ready():
                    return
            if self.child.poll() is not None or time.monotonic() > until:
                state = "ended" if self.child.poll() is not None else "is not ready"
                raise NotReady(f"{self._log.stem} {state}: {self.log_end()}")
            time.sleep(every_s)

    def stop(self, seconds: float = 20, how: int = signal.SIGTERM) -> None:
        """Stop the process gracefully, else by force."""
        if self.child.poll() is None:
            self.child.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self.child.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill -9 the whole process tree."""
        tree = descendants(self.pid)
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.wait()
        for stream in (self.child.stdin, self.child.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()


def _plain_environment() -> dict[str, str]:
    prefixes = (
        "STEPWELL_",
        "DBOS_",
        "PREFECT_",
        "RESTATE_",
        "LANGCHAIN_",
        "LANGSMITH_",
        "N8N_",
        "PG",
        "TEMPORAL_",
    )
    return {name: text for name, text in os.environ.items() if not name.startswith(prefixes)}


def descendants(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        at = queue.pop()
        found.append(at)
        queue += children.get(at, [])
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the processor time used by the trees so far, including ended children."""
    total = 0
    for pid in (one for root in pids for one in descendants(root)):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
    return total / _TICKS


def memory_mb(pids: Sequence[int]) -> float:
    """Return resident memory in MB (10^6 bytes); shared memory is counted once."""
    tree = [one for root in pids for one in descendants(root)]
    if len(tree) == 1:
        return int(Path(f"/proc/{tree[0]}/statm").read_text().split()[1]) * _PAGE / 1e6
    total = 0
    for pid in tree:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1_024
    return total / 1e6


def folder_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(root) / name).stat().st_size
    return total
