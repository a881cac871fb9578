"""`stepwell upgrade --rehearse`: tries a new version on a copy of the data."""

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from app.cli.options import add_folder
from app.cli.progress import show
from app.cli.subparsers import Subparsers
from app.clock import SystemClock
from app.operator.commands import compiler
from app.operator.data_folder import must_exist, send
from app.operator.errors import CommandFailed
from app.operator.with_postgresql import REHEARSAL, must_be_in_folder
from app.settings.server import Settings, load
from app.upkeep.doctor import Finding
from app.upkeep.rehearsal import Rehearsal, rehearse
from engine.counted import counted
from journal import (
    DATABASE,
    CannotCopy,
    CannotOpen,
    FolderLock,
    FolderUnusable,
    JournalError,
    Locked,
    copy_database,
    must_be_journal,
)
from steps.registry import Registry
from steps.tools.tools import Tools


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = (
        "try this version on a copy of the data folder's database, also while an older version "
        "serves it; exits with 1 when it cannot carry everything on"
    )
    parser = subparsers.add_parser(
        "upgrade", help="try a new version on a copy", description=summary
    )
    parser.add_argument("--rehearse", action="store_true", required=True, help="change nothing")
    add_folder(parser)
    parser.add_argument("--work", type=Path, help="where the copy goes; inside the data folder")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print the findings; return 1 if something prevents the upgrade."""
    settings = load({"data": args.data}, args.config).settings
    must_be_in_folder(settings, REHEARSAL)
    must_exist(settings.data)
    place: Path = args.work or settings.data
    try:
        made = tempfile.TemporaryDirectory(prefix="rehearsal-", dir=place)
    except OSError as refused:
        raise CommandFailed(
            f"{place} cannot hold the copy ({refused.strerror}): name another folder with --work"
        ) from refused
    with made as work:
        try:
            found = asyncio.run(_rehearse(settings, Path(work)))
        except (CannotCopy, CannotOpen) as refused:
            raise CommandFailed(
                f"nothing was rehearsed: {refused}; --work names another folder"
            ) from refused
        except FolderUnusable as refused:
            raise CommandFailed(f"nothing was rehearsed: {refused}") from refused
        except JournalError as refused:
            raise CommandFailed(f"this version cannot use it: {refused}") from refused
    wrong = sum(item.level == "wrong" for item in found.findings)
    if args.json:
        print(json.dumps({"wrong": wrong, **asdict(found)}))
        return 1 if wrong else 0
    for item in found.findings:
        print(f"{item.level:5}  {item.what}: {item.shown}")
        if item.remedy and item.level == "wrong":
            print(f"       {item.remedy}")
    print(
        f"{counted(found.runs, 'run')} with {counted(found.events, 'event')} read"
        f" in {found.checked_s:.1f} s;"
        f" the database takes {found.migrated_s:.1f} s at the next start"
    )
    return 1 if wrong else 0


async def _rehearse(settings: Settings, work: Path) -> Rehearsal:
    damage = await _copy(settings, work)
    compile_text = compiler(Registry.standard(Tools.load(settings.plugins).step_types))
    found = await rehearse(work, settings, SystemClock().now_ms(), compile_text, show)
    if damage is None:
        return found
    shown = f"the database in the data folder is damaged ({damage}); the copy of it is sound"
    remedy = "before the upgrade take a backup, which is as sound as the copy, and restore that"
    return replace(found, findings=[Finding("database", "wrong", shown, remedy), *found.findings])


async def _copy(settings: Settings, work: Path) -> str | None:
    """Copy the database, through the server that has it open; return what is damaged in it.

    Raises `CommandFailed`, `JournalError`.
    """
    to = work / DATABASE
    try:
        # Not opened as a journal, since that would migrate the folder itself.
        with FolderLock(settings.data):
            must_be_journal(settings.data / DATABASE)
            return copy_database(settings.data / DATABASE, to)
    except Locked as locked:
        given = {"to": str(to), "with_key": False}
        try:
            answer = await send(settings.data, "backup", given, show)
        except CommandFailed as refused:
            raise CommandFailed(
                f"nothing was rehearsed: {refused}; --work names another folder"
            ) from refused
        if answer is None:
            raise CommandFailed(f"{locked}, and it does not answer") from locked
        damage: str | None = answer.get("damage")  # an older server says nothing of it
        return damage
