"""`stepwell move`: moves a journal from a data folder to PostgreSQL, or back."""

import argparse
import json
from pathlib import Path

from app.cli.progress import show
from app.cli.subparsers import Subparsers
from app.operator.moving import DATABASE_SETTING, carry_over
from app.settings.server import load
from engine.counted import counted


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = (
        "move a journal from a data folder to PostgreSQL or back, while no server uses it; repeat "
        "the command to continue a move that was interrupted"
    )
    parser = subparsers.add_parser("move", help=summary, description=summary)
    place = f"a folder, a postgresql:// address, or {DATABASE_SETTING} for the one in the settings"
    parser.add_argument("--from", dest="source", required=True, metavar="PLACE", help=place)
    parser.add_argument("--to", dest="target", required=True, metavar="PLACE", help=place)
    parser.add_argument("--config", type=Path, help="a TOML file with settings")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Move the journal, and print what was moved."""
    answer = carry_over(load({}, args.config).settings, args.source, args.target, show)
    if args.json:
        print(json.dumps(answer))
        return 0
    print(
        f"moved to {answer['to']}: {counted(answer['runs'], 'run')},"
        f" {counted(answer['events'], 'event')}, no fault"
    )
    if answer.get("kept"):
        print(f"the file that it was in is kept as {answer['kept']}")
    if answer["filesLeft"]:
        print(f"{answer['filesLeft']} uploaded files stay where they are: bring them along")
    print("the key that seals secrets does not move: keep it beside the server")
    return 0
