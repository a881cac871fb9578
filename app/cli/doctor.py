"""`stepwell doctor`: prints what is wrong with a data folder, or may go wrong."""

import argparse
import asyncio
import json
from typing import Any

from app.cli.options import add_folder
from app.cli.progress import show
from app.cli.subparsers import Subparsers
from app.clock import SystemClock
from app.operator.commands import compiler
from app.operator.data_folder import must_exist, send
from app.operator.errors import CommandFailed
from app.settings.server import Settings, load
from app.upkeep.doctor import Finding, examine, holder_of
from journal import FolderLock, FolderUnusable, Locked
from steps.registry import Registry
from steps.tools.tools import Tools


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = "check a data folder for problems; changes nothing"
    parser = subparsers.add_parser("doctor", help=summary, description=summary)
    add_folder(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print every finding; return 1 if something is wrong."""
    settings = load({"data": args.data}, args.config).settings
    must_exist(settings.data)
    findings = _examine(settings)
    wrong = sum(item["level"] == "wrong" for item in findings)
    if args.json:
        print(json.dumps({"wrong": wrong, "findings": findings}))
        return 1 if wrong else 0
    for item in findings:
        print(f"{item['level']:5}  {item['what']}: {item['shown']}")
        if item["remedy"]:
            print(f"       {item['remedy']}")
    return 1 if wrong else 0


def _examine(settings: Settings) -> list[dict[str, Any]]:
    try:
        with FolderLock(settings.data):
            tools = Tools.load(settings.plugins)
            compile_text = compiler(Registry.standard(tools.step_types))
            found = examine(settings, SystemClock().now_ms(), compile_text)
            return [item.as_json() for item in (holder_of(settings.data, None), *found)]
    except FolderUnusable as refused:
        raise CommandFailed(str(refused)) from refused
    except Locked as locked:
        answer = asyncio.run(send(settings.data, "doctor", {}, show))
        if answer is None:
            remedy = "wait until it has started; otherwise look at its log, and stop it"
            return [Finding("lock", "wrong", f"{locked}; it does not answer", remedy).as_json()]
        findings: list[dict[str, Any]] = answer["findings"]
        return findings
