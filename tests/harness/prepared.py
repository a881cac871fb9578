"""A process that has loaded the server's code, and forks itself for each requested command.

Loading the code takes a second of processor time, a fork a few milliseconds. A forked process
does what the installed script does after loading: it has its own settings, working folder and
standard streams, exits as Python exits, and can be killed. `processes` runs this file and sends
its requests over a socket.

A request is a JSON object (`argv`, `environment`, `folder`) with four files: the standard
streams and a socket. Over that socket come the process id with a handle of the process, and at
its end the exit code in the form that `subprocess` uses.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any

LOADED = ("app.server", "app.cli.local", "app.cli.remote")
"""Modules that commands load besides their own."""
LONGEST = 1 << 20


@dataclass(frozen=True)
class Command:
    """The command of a forked process."""

    argv: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]

    def become(self) -> None:
        """Set up this process as the installed script would find it."""
        for wanted, stream in enumerate(self.streams):
            os.dup2(stream, wanted)
            os.close(stream)
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.argv = self.argv
        sys.path[0] = os.path.dirname(self.argv[0])  # noqa: PTH120 - as Python sets it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())  # type: ignore[union-attr] # always a text stream


@dataclass(frozen=True)
class _Child:
    pid: int
    handle: int
    answers: socket.socket

    def ended(self) -> None:
        """Report the exit code, if the requester is still there."""
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):
            self.answers.send(json.dumps(code).encode())
        self.answers.close()
        os.close(self.handle)


def forked(control: socket.socket) -> Command | None:
    """Fork for each request; return the command in the child, and None at the end of requests."""
    children: dict[int, _Child] = {}
    while True:
        ready = set(select.select([control.fileno(), *children], [], [])[0])
        for handle in ready & set(children):
            children.pop(handle).ended()
        if control.fileno() not in ready:
            continue
        asked, files, _, _ = socket.recv_fds(control, LONGEST, 4)
        if not asked:
            for child in children.values():
                signal.pidfd_send_signal(child.handle, signal.SIGKILL)
            return None
        command, answers = _command(json.loads(asked), files)
        pid = os.fork()
        if pid == 0:
            for child in children.values():
                child.answers.close()
                os.close(child.handle)
            answers.close()
            control.close()
            return command
        child = _Child(pid, os.pidfd_open(pid), answers)
        children[child.handle] = child
        for stream in command.streams:
            os.close(stream)
        socket.send_fds(answers, [json.dumps(pid).encode()], [child.handle])


def _command(asked: dict[str, Any], files: list[int]) -> tuple[Command, socket.socket]:
    *streams, answers = files
    return Command(**asked, streams=streams), socket.socket(fileno=answers)


def prepare() -> None:
    """Load the code, and check that no thread is running, since a fork would lose it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # SIGINT from the terminal is for the tests
    groups = importlib.import_module("app.cli.main").GROUPS
    for name in (*LOADED, *(f"app.cli.{group}" for group in groups)):
        importlib.import_module(name)
    running = os.listdir("/proc/self/task")  # noqa: PTH208 - a system folder
    assert len(running) == 1, "a thread was started while the code was loaded"
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _control:
        prepare()
        _asked = forked(_control)
    if _asked is not None:
        _asked.become()
        sys.exit(sys.modules["app.cli.main"].main())
