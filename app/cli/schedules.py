"""`stepwell schedule`: shows and changes schedules, over the API of a running server."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from app.cli.remote import add_options, client_of, firing_line, object_in, printable
from app.cli.subparsers import Subparsers, add_verbs
from stepwell.client import Client, JsonObject

_HELP = {
    "list": "list schedules with their next moments",
    "show": "show a schedule, its next five moments and the newest results",
    "put": "create or replace a schedule from a JSON file",
    "pause": "pause a schedule; its moments meanwhile do not count as missed",
    "resume": "resume a schedule, from now",
    "delete": "delete a schedule; runs that it started continue",
}


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    parsers = add_verbs(subparsers, "schedule", "list and change schedules", _HELP)
    for verb, parser in parsers.items():
        if verb != "list":
            parser.add_argument("schedule", metavar="SCHEDULE", help="the schedule's id")
        if verb == "put":
            parser.add_argument("file", type=Path, metavar="FILE", help="the schedule as JSON")
        add_options(parser)
        parser.set_defaults(main=run)


def run(args: argparse.Namespace) -> int:
    """Carry out one of the commands and print the schedules concerned."""
    with client_of(args) as client:
        if args.verb == "delete":
            client.schedules.delete(args.schedule)
            print(json.dumps({"success": True}) if args.json else "deleted")
            return 0
        found = client.schedules.list() if args.verb == "list" else [_one(client, args)]
        if args.json:
            print(json.dumps(found if args.verb == "list" else found[0]))
            return 0
        for item in found:
            print(_line(item))
        if args.verb == "show":
            for firing in client.schedules.firings(args.schedule)[:10]:
                print(firing_line(firing))
    return 0


def _one(client: Client, args: argparse.Namespace) -> JsonObject:
    if args.verb == "put":
        return client.schedules.put(args.schedule, object_in(args.file))
    asked: dict[str, Callable[[str], JsonObject]] = {
        "show": client.schedules.get,
        "pause": client.schedules.pause,
        "resume": client.schedules.resume,
    }
    return asked[args.verb](args.schedule)


def _line(schedule: JsonObject) -> str:
    upcoming = schedule["upcoming"]
    when = "paused" if not schedule["enabled"] else f"next {', '.join(upcoming) or 'never'}"
    text = f"{schedule['id']}  {schedule['workflowId']}  {schedule['cron']}  {when}"
    return printable(text)
