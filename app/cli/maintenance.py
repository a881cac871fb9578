"""`stepwell verify`, `backup`, `restore`, `accept-loss`, `retention`: look after a journal."""

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from app.cli.options import add_folder
from app.cli.progress import line, show
from app.cli.reporting import one_line
from app.cli.subparsers import Subparsers
from app.operator.data_folder import must_exist
from app.operator.errors import CommandFailed
from app.operator.folder_commands import ask
from app.operator.with_postgresql import LOSS, RESTORE, must_be_in_folder
from app.settings.server import Settings, load
from app.upkeep.backup import BackupFailed, restore
from engine.counted import counted
from journal import DATABASE, FolderLock, JournalError, clear_wal_mark, has_wal, must_be_journal

_ABOUT_KEY = (
    "secrets.key is not in this backup: without it nobody can open the secrets, so keep a copy "
    "of it in another place (or use --with-key, and guard the backup like the key)"
)
_SOUND = (
    "all rows could be read, so this backup is complete and a folder restored from it is sound: "
    "stop the server, and restore it into a new folder"
)


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    verify = _command(subparsers, "verify", "check that no history was changed", _verify)
    verify.add_argument("--quiet", action="store_true", help="show no progress")
    backup = _command(
        subparsers, "backup", "back up everything, also while the server runs", _backup
    )
    backup.add_argument(
        "--to", required=True, help="a new folder, or NAME.sqlite3 for the database alone"
    )
    backup.add_argument("--with-key", action="store_true", help="copy the key of secrets too")
    retention = _command(
        subparsers, "retention", "delete the runs that retention no longer keeps", _retention
    )
    retention.add_argument("--dry-run", action="store_true", help="only show what would be deleted")
    restoring = _command(subparsers, "restore", "restore a backup into an empty folder", _restore)
    restoring.add_argument("--from", required=True, dest="source", type=Path)
    summary = "continue with the older state of a database that has lost its -wal file"
    _command(subparsers, "accept-loss", summary, _accept_loss)


def _command(subparsers: Subparsers, name: str, summary: str, main: Any) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(name, help=summary, description=summary)
    add_folder(parser)
    parser.set_defaults(main=main)
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    return load({"data": args.data}, args.config).settings


def _verify(args: argparse.Namespace) -> int:
    """Print each fault; return 1 if there is any."""
    tell = show if args.json or getattr(args, "quiet", False) else line
    answer = asyncio.run(ask(_settings(args), "verify", {}, tell))
    if args.json:
        print(json.dumps(answer))
        return 1 if answer["faults"] else 0
    for fault in answer["found"]:
        where = " ".join(
            part
            for part in (
                f"run {fault['runId']}" if fault["runId"] else "",
                f"event {fault['event']}" if fault["event"] else "",
            )
            if part
        )
        print(f"{where or 'journal'}: {fault['what']}")
    print(_verified(answer))
    return 1 if answer["faults"] else 0


def _verified(found: dict[str, Any]) -> str:
    return ", ".join(counted(found[f"{one}s"], one) for one in ("run", "event", "fault"))


def _backup(args: argparse.Namespace) -> int:
    given = {"to": os.path.abspath(args.to), "with_key": args.with_key}  # noqa: PTH100
    answer = asyncio.run(ask(_settings(args), "backup", given, show))
    if args.json:
        print(json.dumps(answer))
    else:
        print(f"backed up to {answer['backup']}")
        if answer["files"] is None:
            print("uploaded files are not in it")
        if not answer["withKey"]:
            print(_ABOUT_KEY)
    for sha256 in answer.get("missingFiles", []):
        line(f"stored file {sha256} is missing in the data folder")
    if damage := answer.get("damage"):
        line(f"the database in the data folder is damaged ({damage}); {_SOUND}")
    return 1 if answer.get("missingFiles") or damage else 0


def _restore(args: argparse.Namespace) -> int:
    """Restore, then check every history; return 1 if there is any fault."""
    settings = _settings(args)
    must_be_in_folder(settings, RESTORE)
    try:
        restored = restore(args.source, settings.data)
    except BackupFailed as refused:
        raise CommandFailed(str(refused)) from refused
    verified = asyncio.run(ask(settings, "verify", {}, show))
    answer = {**restored, "verified": verified}
    if args.json:
        print(json.dumps(answer))
    else:
        print(f"restored to {restored['restored']}, {counted(restored['files'], 'file')}")
        print(_verified(verified))
        if not restored["withKey"]:
            print("put secrets.key in it, if there was one, before the server starts")
    return 1 if verified["faults"] else 0


def _accept_loss(args: argparse.Namespace) -> int:
    """Let the next server start with what is left, then check every history as `verify` does."""
    settings = _settings(args)
    must_be_in_folder(settings, LOSS)
    must_exist(settings.data)
    try:
        with FolderLock(settings.data):
            database = settings.data / DATABASE
            must_be_journal(database)
            if has_wal(database) or not clear_wal_mark(database):
                raise CommandFailed(f"{database} has lost nothing, so nothing was changed")
    except JournalError as refused:
        raise CommandFailed(str(refused)) from refused
    if not args.json:
        print("the next start continues with the older state, which holds:")
    return _verify(args)


def _retention(args: argparse.Namespace) -> int:
    given = {"dry_run": args.dry_run}
    answer = asyncio.run(ask(_settings(args), "retention", given, show))
    if args.json:
        print(json.dumps(answer))
        return 0
    if not args.dry_run:
        print(f"{answer['deleted']} runs deleted")
        return 0
    for row in answer["goes"]:
        print(one_line(row))
    print(
        f"{counted(sum(row['runs'] for row in answer['goes']), 'run')} would go,"
        " with the child runs below"
    )
    return 0
