"""`stepwell search`: workflows, agents and runs by words, over the API."""

import argparse
import json

from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers
from stepwell.client import JsonObject


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = "search workflows and agents by name, and runs by title, label, id or input"
    parser = subparsers.add_parser("search", help=summary, description=summary)
    parser.add_argument("words", nargs="+", metavar="WORD", help="a word, or the beginning of one")
    parser.add_argument("--limit", type=int, default=10, help="the most of each kind (10)")
    add_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print what was found, one per line."""
    with client_of(args) as client:
        found = client.search(" ".join(args.words), limit=args.limit)
    if args.json:
        print(json.dumps(found))
        return 0
    for kind in ("workflows", "agents", "runs"):
        for one in found[kind]:
            print(printable(f"{kind[:-1]}  {_line(one)}"))
        if kind in found["more"]:
            print(f"There are more {kind}: use more words, or --limit.")
    return 0


def _line(one: JsonObject) -> str:
    if "runId" in one:
        return f"{one['runId']}  {one['status']}  {one['title'] or one['workflowId']}"
    return f"{one['id']}  {one['status']}  {one['name']} {one['version']}"
