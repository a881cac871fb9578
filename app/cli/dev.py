"""`stepwell dev`: runs a server, publishes a folder whenever it is saved, opens a browser."""

import argparse
import asyncio
import contextlib
import os
import sys
import webbrowser
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from app.auth.first_owner import TENANT
from app.auth.keys import new_key
from app.cli.options import add_settings, given
from app.cli.subparsers import Subparsers
from app.cli.whole_file import write_text
from app.definitions.watched_folder import WatchedFile, WatchedFolder
from app.server import serve
from app.services import Services
from app.settings.server import load

_SIGNED_IN_FOR_MS = 86_400_000
_LOCAL = ("127.0.0.1", "localhost", "::1")
_QUIET = {"log_level": "warning", "log_format": "console"}
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_FIRST_FILE = "greeting.yaml"
_FIRST = """\
# Saved, it is stored and published; `stepwell dev` says what is wrong with it.
name: Greeting
description: Asks for a name, then greets
initialStep: ask
steps:
  - id: ask
    type: collect-inputs
    message: Whom shall we greet?
    output:
      name: { type: string, description: First and last name }
  - id: end
    type: end-flow
    result:
      greeting: "Hello, {{ data.name }}!"
edges:
  - { from: ask, to: end }
"""


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = (
        "run a server that publishes a folder whenever it is saved, and open a signed-in browser"
    )
    parser = subparsers.add_parser("dev", help=summary, description=summary)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path("workflows"), metavar="FOLDER",
        help="the folder of definitions, as JSON or YAML (workflows); created if missing",
    )  # fmt: skip
    parser.add_argument("--no-browser", action="store_true", help="only print the address to open")
    add_settings(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    loaded = load(given(args), args.config)
    unset = {k: v for k, v in _QUIET.items() if loaded.sources[k] == "default"}
    settings = loaded.settings.model_copy(update=unset)
    if settings.host not in _LOCAL:
        print(
            "stepwell: dev signs in everybody who opens its address, so --host must be local",
            file=sys.stderr,
        )
        return 1
    folder: Path = args.folder
    if not folder.exists():
        write_text(folder / _FIRST_FILE, _FIRST)
        print(f"{folder / _FIRST_FILE}: created as a first example")

    @contextlib.asynccontextmanager
    async def alongside(services: Services, address: str) -> AsyncIterator[None]:
        watched = WatchedFolder(
            folder,
            TENANT,
            services.workflows,
            services.agents,
            services.clock,
            partial(_tell, folder),
        )
        services.watched.append(watched)
        async with _signed_in(services) as key:
            await watched.look()
            print(
                f"Stepwell serves at {address} and watches {folder}. Ctrl-C stops it.", flush=True
            )
            _open(f"{address}{services.one_time.offer(TENANT, key)}", show=args.no_browser)
            watching = asyncio.create_task(watched.watch())
            try:
                yield
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    return serve(settings, alongside)


@contextlib.asynccontextmanager
async def _signed_in(services: Services) -> AsyncIterator[str]:
    """Return an owner's key that is valid while the server runs, for a day at most."""
    now_ms = services.clock.now_ms()
    key, row = new_key(TENANT, "owner", "stepwell dev", now_ms, now_ms + _SIGNED_IN_FOR_MS)
    await services.journal.keys.create(row)
    await services.authenticator.load()
    try:
        yield key
    finally:
        await services.journal.keys.disable(TENANT, row.id, services.clock.now_ms())


def _open(address: str, *, show: bool) -> None:
    # Without a screen, the browser that is found may run in the terminal and take it over.
    has_screen = sys.platform == "darwin" or any(map(os.environ.get, _SCREENS))
    if show or not has_screen or not webbrowser.open(address):
        print(f"Open {address} (it signs you in, once, within five minutes)", flush=True)


def _tell(folder: Path, file: WatchedFile) -> None:
    """Print the state of a file."""
    place = folder / file.name
    for problem in file.problems:
        at = f":{problem.line}" if problem.line else ""
        what = f"{problem.path}: {problem.message}" if problem.path else problem.message
        print(f"{place}{at}: {what}", flush=True)
    if not file.problems:
        print(f"{place}: {file.done}, {file.kind} {file.id} {file.version}", flush=True)
