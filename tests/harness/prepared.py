"""A process that has loaded code, and forks itself for each requested command.

Loading the code takes a second of processor time, a fork a few milliseconds. A forked process
does what the installed script does after loading: it has its own settings, working folder and
standard streams, exits as Python exits, and can be killed. `processes` runs this file and sends
its requests over a socket; `forward` sends them for programs that start a command themselves.

A request is a JSON object (`argv`, `environment`, `folder`, `bound`) with four files: the standard
streams and a socket. Over that socket come the process id with a handle of the process, and at
its end the exit code in the form that `subprocess` uses. A process that is bound is killed when
the other end of that socket is closed.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

LOADED = ("app.server", "app.cli.local", "app.cli.remote")
"""Modules that commands of `stepwell` load besides their own."""
LOADED_LATE = (
    "app.llm.anthropic_answer", "app.llm.openai_answer", "app.outbound.guarded_transport",
    "app.outbound.sending", "app.tools.mcp.connection", "app.web.api.metrics", "app.web.api.openapi",
    "anthropic", "app.web.console.routes", "app.web.endpoints", "cryptography.hazmat.primitives.ciphers.aead",
    "jsonschema_rs", "jwt", "minijinja", "openai.resources.chat", "re2", "yaml",
)  # fmt: skip
"""Modules that a server loads when one is first needed, as most servers of the tests do."""
LOADED_BY_SCRIPTS = (
    "mcp.server.mcpserver", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto",
)  # fmt: skip
"""Modules that the MCP servers of the tests load."""
LONGEST = 1 << 20


@dataclass(frozen=True)
class Command:
    """The command of a forked process."""

    argv: list[str]
    environment: dict[str, str]
    folder: str
    bound: bool
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


@dataclass
class _Child:
    pid: int
    handle: int
    answers: socket.socket
    bound: bool

    def kill(self) -> None:
        """Kill it; its end is reported as any other."""
        self.bound = False
        signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def ended(self) -> None:
        """Report the exit code, if the requester is still there."""
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):
            self.answers.send(json.dumps(code).encode())
        self.answers.close()
        os.close(self.handle)


def forked(control: socket.socket, door: socket.socket) -> Command | None:
    """Fork for each request; return the command in the child, and None at the end of requests.

    Requests come over `control`, and one over each connection to `door`.
    """
    children: dict[int, _Child] = {}
    while True:
        bound = {child.answers.fileno(): child for child in children.values() if child.bound}
        ready = set(select.select([control.fileno(), door.fileno(), *bound, *children], [], [])[0])
        for handle in ready & set(children):
            children.pop(handle).ended()
        for answers in ready & set(bound):
            if bound[answers].handle in children:
                bound[answers].kill()
        if control.fileno() in ready:
            request = socket.recv_fds(control, LONGEST, 4)
            if not request[0]:
                for child in children.values():
                    child.kill()
                return None
        elif door.fileno() in ready:
            caller, _ = door.accept()
            with caller:
                request = socket.recv_fds(caller, LONGEST, 4)
        else:
            continue
        if request[0] and (command := _forked(request[0], request[1], children)):
            control.close()
            door.close()
            return command


def _forked(asked: bytes, files: list[int], children: dict[int, _Child]) -> Command | None:
    """Fork; return the command in the child, and add the child to `children` in the parent."""
    command, answers = _command(json.loads(asked), files)
    pid = os.fork()
    if pid == 0:
        for child in children.values():
            child.answers.close()
            os.close(child.handle)
        answers.close()
        return command
    child = _Child(pid, os.pidfd_open(pid), answers, command.bound)
    children[child.handle] = child
    for stream in command.streams:
        os.close(stream)
    with contextlib.suppress(OSError):
        socket.send_fds(answers, [json.dumps(pid).encode()], [child.handle])
    return None


def _command(asked: dict[str, Any], files: list[int]) -> tuple[Command, socket.socket]:
    *streams, answers = files
    return Command(**asked, streams=streams), socket.socket(fileno=answers)


def prepare(scripts: bool) -> None:
    """Load the code, and check that no thread is running, since a fork would lose it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # SIGINT from the terminal is for the tests
    names = list(LOADED_BY_SCRIPTS)
    if not scripts:
        groups = importlib.import_module("app.cli.main").GROUPS
        names = [*LOADED, *(f"app.cli.{group}" for group in groups), *LOADED_LATE]
    for name in names:
        importlib.import_module(name)
    if not scripts:
        importlib.import_module("app.settings.server").Settings.model_rebuild()
    running = os.listdir("/proc/self/task")  # noqa: PTH208 - a system folder
    assert len(running) == 1, "a thread was started while the code was loaded"
    gc.collect()
    gc.freeze()


def end_with(main: Callable[[], int]) -> None:
    """Run a command and end as Python does, but do not free what was loaded, one by one.

    That would copy the memory shared with the prepared process, and take longer than most commands.
    """
    try:
        code: object = main()
    except SystemExit as ended:
        code = ended.code
    if isinstance(code, int):
        threading._shutdown()  # type: ignore[attr-defined] # as Python calls it
        atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):  # it may be closed
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code & 0xFF)
    sys.exit(code)  # type: ignore[arg-type] # which also reports what could not be written


def run_script(file: str) -> int:
    """Run a script as Python does."""
    runpy.run_path(file, run_name="__main__")
    return 0


if __name__ == "__main__":
    _kind, *_numbers = sys.argv[1:]
    with socket.socket(fileno=int(_numbers[0])) as _control, socket.socket(fileno=int(_numbers[1])) as _door:  # fmt: skip
        prepare(_kind == "scripts")
        _asked = forked(_control, _door)
    if _asked is not None:
        _asked.become()
        if _kind == "scripts":
            end_with(partial(run_script, _asked.argv[0]))
        else:
            end_with(sys.modules["app.cli.main"].main)
