"""`stepwell processes`: lists the processes that share a journal, over the API of any of them."""

import argparse
import json
from collections.abc import Iterator

from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers
from stepwell.client import JsonObject


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = "list the processes that share a journal, and what waits for them"
    parser = subparsers.add_parser("processes", help=summary, description=summary)
    add_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print the answer."""
    with client_of(args) as client:
        found = client.processes()
    if args.json:
        print(json.dumps(found))
    else:
        print("\n".join(map(printable, _lines(found))))
    return 0


def _lines(found: JsonObject) -> Iterator[str]:
    if not found["shared"]:
        yield "one process, with its journal in one folder"
    for row in found["processes"]:
        leaves = ", leaving" if row["leaving"] else ""
        silent = f"silent for {row['silentFor']} ms"
        yield f"{row['name']}  {row['shards']} shards, since {row['since']}, {silent}{leaves}"
    if found["shardsWithoutProcess"]:
        yield f"{found['shardsWithoutProcess']} of {found['shards']} shards belong to no process"
    if found["commandsWaiting"]:
        age = found["oldestCommandAge"]
        oldest = "" if age is None else f", the oldest for {age} ms"
        yield f"commands that wait for the process of their run: {found['commandsWaiting']}{oldest}"
    for one in found["cutOff"]:
        times = "once" if one["interruptions"] == 1 else f"{one['interruptions']} times"
        yield f"{one['runId']}  step {one['stepId']} was cut off {times}"
    if (more := found["cutOffCount"] - len(found["cutOff"])) > 0:
        yield f"and {more} more"
