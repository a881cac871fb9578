"""The command line: `stepwell`."""

import gc
import signal
import sys
from importlib import import_module
from importlib.metadata import version

from app.cli import standard_streams
from app.cli.subparsers import Parser
from app.tools.extraction import COMMAND as READ_DOCUMENT

_LOCAL = {
    "serve": ("serve",),
    "dev": ("dev",),
    "credentials": ("key", "jwt-secret"),
    "person": ("person",),
    "secrets": ("secret",),
    "variables": ("variable",),
    "runs": ("runs",),
    "maintenance": ("verify", "backup", "retention", "restore", "accept-loss"),
    "doctor": ("doctor",),
    "move": ("move",),
    "upgrade": ("upgrade",),
    "check": ("check",),
    "run": ("run",),
    "config": ("config",),
}
_REMOTE = {
    "run_control": (
        "start",
        "resume",
        "signal",
        "transcript",
        "explain",
        "cancel",
        "terminate",
        "repair",
        "rerun",
    ),
    "follow": ("status", "tail"),
    "views": ("view",),
    "search": ("search",),
    "inbox": ("inbox", "claim", "unclaim", "delegate", "link"),
    "schedules": ("schedule",),
    "workflow": ("workflow",),
    "triggers": ("trigger",),
    "mcp": ("mcp",),
    "mcp_servers": ("mcp-server",),
    "replay": ("replay",),
    "processes": ("processes",),
    "ready": ("ready",),
}
GROUPS = {**_LOCAL, **_REMOTE}
"""The modules in this folder, and the commands of each.

Only the module of the given command is imported, so that a command that watches a run does not wait
for the server's code to load.
"""


_INTERRUPTED = 130
"""The exit code of a program that was stopped with Ctrl-C (128 + SIGINT)."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    standard_streams.open_all()
    try:
        return _main(arguments)
    except SystemExit:  # after a help text or a usage error
        if code := standard_streams.flushed():
            return code
        raise
    except OSError as failure:
        if code := standard_streams.unwritable(failure):
            return code
        raise
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        if arguments is None:  # the process ends; who presses Ctrl-C twice wants no more than that
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _main(arguments: list[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == [READ_DOCUMENT]:
        import_module("app.tools.extraction.__main__").main(given[1])
        return 0
    parser = Parser(prog="stepwell", description="A durable workflow server for one machine.")
    parser.add_argument("--version", action="version", version=version("stepwell"))
    if given == ["--version"]:
        parser.parse_args(given)
    gc.disable()  # nearly all objects made by loading stay; they would be scanned 200 times
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    parser.refuse_unreadable(given)
    asked = [group for group, commands in GROUPS.items() if given and given[0] in commands]
    if given and not asked and not given[0].startswith("-"):
        from steps.language.nearest import did_you_mean  # noqa: PLC0415 - for mistakes only

        known = [command for commands in GROUPS.values() for command in commands]
        parser.error(f"there is no command {given[0]}{did_you_mean(given[0], known)}")
    for group in asked or GROUPS:
        import_module(f"app.cli.{group}").add(subparsers)
    args = parser.parse_args(given)
    place = "remote" if _REMOTE.keys() & asked else "local"
    carry_out = import_module(f"app.cli.{place}").carry_out
    gc.enable()
    code: int = carry_out(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
