"""Run a command in a fork of a prepared process: `forward.py DOOR PROGRAM [ARGUMENT]...`.

It takes the place of a program for those who start it themselves, such as the commands of a page:
the fork has its arguments, variables, folder and streams, gets the signals sent to it, ends when it
is killed, and it ends as the fork does. It loads as little as possible, since its start is all that
it costs.
"""

import contextlib
import json
import os
import signal
import socket
import sys

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def _would_differ(door: str) -> bool:
    """Return whether a variable that only an interpreter's start reads is not as in the fork."""
    if not os.path.exists(f"{door}.json"):  # noqa: PTH110 - loading pathlib would double the cost
        return False
    with open(f"{door}.json") as file:  # noqa: PTH123
        read = json.load(file)
    prefixes = tuple(read["prefixes"])
    return bool({k: v for k, v in os.environ.items() if k.startswith(prefixes)} != read["values"])


def forward(door: str, argv: list[str]) -> int:
    """Return the exit code, negative for a signal."""
    answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = os.getcwd()  # noqa: PTH109
    asked = {"argv": argv, "environment": dict(os.environ), "folder": folder, "bound": True}
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as requests:
        requests.connect(door)
        socket.send_fds(requests, [json.dumps(asked).encode()], [0, 1, 2, theirs.fileno()])
    reported, handles, _, _ = socket.recv_fds(answers, 100, 1)
    if not reported:
        sys.exit("the prepared process has ended")
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda sent, _: _send(handles[0], sent))
    for stream in range(3):
        os.close(stream)
    return int(json.loads(answers.recv(100)))


def _send(handle: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have just ended
        signal.pidfd_send_signal(handle, number)


if __name__ == "__main__":
    if _would_differ(sys.argv[1]):
        os.execv(sys.argv[2], sys.argv[2:])
    code = forward(sys.argv[1], sys.argv[2:])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
