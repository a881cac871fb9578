"""How the tests start `stepwell` and scripts: forked from a prepared process, or installed.

A fork costs a few milliseconds, loading the installed script a second. What an interpreter or the
system's loader reads from the environment, such as PYTHONPATH and LD_PRELOAD, has no effect on a
fork; a command that changes such a variable is started as the installed script.
"""

import atexit
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeAlias

STEPWELL = str(Path(sys.executable).with_name("stepwell"))
_PREPARED = str(Path(__file__).with_name("prepared.py"))
_READ_AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "MALLOC_", "GLIBC_", "OPENSSL_", "SSL_")
Stream: TypeAlias = int | IO[Any] | None


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are read when an interpreter starts."""
    return {k: v for k, v in environment.items() if k.startswith(_READ_AT_START)}


class _Prepared:
    """The process that forks for each command; it ends with the tests."""

    def __init__(self, kind: str) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.environment = dict(os.environ)
        self.folder = Path(tempfile.mkdtemp(prefix="stepwell-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(self.folder / "door"))
            door.listen(128)
            numbers = [theirs.fileno(), door.fileno()]
            command = [sys.executable, _PREPARED, kind, *map(str, numbers)]
            self._process = subprocess.Popen(command, pass_fds=numbers, stdin=subprocess.DEVNULL)

    def fork(
        self, argv: list[str], environment: Mapping[str, str], folder: str, streams: Sequence[int]
    ) -> tuple[int, int, socket.socket]:
        """Return the process id, its handle, and the socket that will receive its exit code."""
        asked = {
            "argv": argv, "environment": dict(environment), "folder": folder, "bound": False,
        }  # fmt: skip
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            files = [*streams, theirs.fileno()]
            socket.send_fds(self._control, [json.dumps(asked).encode()], files)
        reported, handles, _, _ = socket.recv_fds(ours, 100, 1)
        assert reported, "the prepared process has ended"
        return json.loads(reported), handles[0], ours

    def forwarding(self, program: str) -> list[str]:
        """Return the start of a command line that forwards to a fork instead of the program."""
        forward = str(Path(__file__).with_name("forward.py"))
        return [sys.executable, "-IS", forward, str(self.folder / "door"), program]


_lock = threading.Lock()


@cache
def _made(kind: str) -> _Prepared:
    return _Prepared(kind)


def _prepared(kind: str = "stepwell") -> _Prepared:
    with _lock:
        return _made(kind)


def script(file: str) -> list[str]:
    """Return a command line that runs a script with the MCP library loaded."""
    return _prepared("scripts").forwarding(file)


@cache
def bin_folder() -> Path:
    """Return a folder for PATH whose `stepwell` is forked, for programs that start it."""
    prepared = _prepared()
    read = {"prefixes": _READ_AT_START, "values": _at_start(prepared.environment)}
    (prepared.folder / "door.json").write_text(json.dumps(read))
    folder = prepared.folder / "bin"
    folder.mkdir()
    program = folder / "stepwell"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(prepared.forwarding(STEPWELL))} "$@"\n')
    program.chmod(0o755)
    return folder


class Forked:
    """A process forked for one command, with a part of the interface of `subprocess.Popen`."""

    def __init__(
        self,
        argv: Sequence[object],
        environment: Mapping[str, str],
        folder: str,
        streams: Sequence[Stream],
        kind: str = "stepwell",
    ) -> None:
        self.args = [*map(str, argv)]
        self.returncode: int | None = None
        given, ours = zip(*(_given(stream, at) for at, stream in enumerate(streams)), strict=True)
        self.stdin: IO[bytes] | None
        self.stdout: IO[bytes] | None
        self.stderr: IO[bytes] | None
        self.stdin, self.stdout, self.stderr = ours
        numbers = [given[1] if number == subprocess.STDOUT else number for number in given]
        self.pid, self._handle, self._answers = _prepared(kind).fork(
            self.args, environment, folder, numbers
        )
        for number, stream, mine in zip(given, streams, ours, strict=True):
            if mine is not None or stream == subprocess.DEVNULL:
                os.close(number)

    def poll(self) -> int | None:
        """Return the exit code, or None while it is running."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code; raises TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._answers], [], [], timeout)[0]:
            reported = self._answers.recv(100)
            assert reported, "the prepared process has ended"
            self.returncode = json.loads(reported)
            self._answers.close()
            os.close(self._handle)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal if it is running."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it may have just ended
                signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """Send SIGKILL if it is running."""
        self.send_signal(signal.SIGKILL)


Process: TypeAlias = "Forked | subprocess.Popen[bytes]"


def _given(stream: Stream, at: int) -> tuple[int, IO[bytes] | None]:
    """Return the file for the process, and our end if it is a pipe."""
    if stream is None:
        return at, None
    if stream == subprocess.DEVNULL:
        return os.open(os.devnull, os.O_RDWR), None
    if stream == subprocess.PIPE:
        read, write = os.pipe()
        return (read, open(write, "wb")) if at == 0 else (write, open(read, "rb"))  # noqa: PTH123
    return (stream if isinstance(stream, int) else stream.fileno()), None


def start(
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    installed: bool = False,
) -> Process:
    """Start `stepwell` with these arguments; `installed` runs the installed script."""
    given = os.environ if environment is None else environment
    streams = (stdin, stdout, stderr)
    if installed or _at_start(given) != _at_start(_prepared().environment):
        return subprocess.Popen(
            [STEPWELL, *map(str, arguments)],
            env=given, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr,
        )  # fmt: skip
    return Forked((STEPWELL, *arguments), given, str(folder or Path.cwd()), streams)


def start_script(file: str, *arguments: object, environment: Mapping[str, str]) -> Forked:
    """Start a script with the MCP library loaded."""
    streams = (subprocess.DEVNULL, None, None)
    return Forked((file, *arguments), environment, str(Path.cwd()), streams, "scripts")


def run(
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    given: str | None = None,
    timeout: float = 60,
    installed: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `stepwell` with these arguments to its end, and return its exit code and output.

    Args:
        arguments: The words after `stepwell`.
        environment: All its variables, in place of ours.
        given: Its standard input.
        timeout: Seconds after which it is killed and TimeoutExpired is raised.
        installed: Run the installed script.
    """
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write((given or "").encode())
        stdin.seek(0)
        process = start(
            *arguments, environment=environment, stdin=stdin, stdout=stdout, stderr=stderr,
            installed=installed,
        )  # fmt: skip
        try:
            code = process.wait(timeout)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        stdout.seek(0)
        stderr.seek(0)
        shown = [stdout.read().decode(), stderr.read().decode()]
        return subprocess.CompletedProcess(process.args, code, *shown)


def command(*arguments: object, **more: Any) -> Any:
    """Run `stepwell ... --json` and return the parsed output."""
    shown = run(*arguments, "--json", **more)
    shown.check_returncode()
    return json.loads(shown.stdout)
