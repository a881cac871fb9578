"""`stepwell trigger`: shows and changes what starts runs (requests, forms, ends of runs)."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from app.cli.remote import add_options, client_of, firing_line, object_in, printable
from app.cli.subparsers import Subparsers, add_verbs
from stepwell.client import Client, JsonObject

_HELP = {
    "list": "list triggers with their addresses",
    "show": "show a trigger, and the results of its newest requests or ends",
    "put": "create or replace a trigger from a JSON file",
    "pause": "pause a trigger; requests meanwhile start nothing",
    "resume": "resume a trigger, or open a form",
    "rotate": "give a trigger a new address instead of the old one",
    "replay": "handle one of its newest requests again",
    "delete": "delete a trigger with its requests; runs that it started continue",
}


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    summary = "list and change triggers: webhooks, forms, ends of runs"
    for verb, parser in add_verbs(subparsers, "trigger", summary, _HELP).items():
        if verb != "list":
            parser.add_argument("trigger", metavar="TRIGGER", help="the trigger's id")
        if verb == "put":
            parser.add_argument("file", type=Path, metavar="FILE", help="the trigger as JSON")
        if verb == "replay":
            parser.add_argument("request", metavar="REQUEST", help="the request, as show names it")
        add_options(parser)
        parser.set_defaults(main=run)


def run(args: argparse.Namespace) -> int:
    """Carry out one of the commands and print the triggers concerned."""
    with client_of(args) as client:
        if args.verb == "delete":
            client.triggers.delete(args.trigger)
            print(json.dumps({"success": True}) if args.json else "deleted")
            return 0
        if args.verb == "replay":
            receipt = client.triggers.replay(args.trigger, args.request)
            print(json.dumps(receipt) if args.json else str(receipt["runId"] or "nothing started"))
            return 0
        found = client.triggers.list() if args.verb == "list" else [_one(client, args)]
        if args.json:
            print(json.dumps(found if args.verb == "list" else found[0]))
            return 0
        for item in found:
            print(_line(item))
        if args.verb == "show":
            for firing in client.triggers.firings(args.trigger)[:10]:
                print(firing_line(firing))
    return 0


def _one(client: Client, args: argparse.Namespace) -> JsonObject:
    if args.verb == "put":
        return client.triggers.put(args.trigger, object_in(args.file))
    asked: dict[str, Callable[[str], JsonObject]] = {
        "show": client.triggers.get,
        "pause": client.triggers.pause,
        "resume": client.triggers.resume,
        "rotate": client.triggers.rotate,
    }
    return asked[args.verb](args.trigger)


def _line(trigger: JsonObject) -> str:
    signal = trigger.get("signal") or {}
    what = trigger["workflowId"] or f"signal {signal.get('name')}"
    on = trigger["on"] if isinstance(trigger["on"], str) else ", ".join(trigger["on"])
    state = trigger["url"] or on if trigger["enabled"] else "paused"
    return printable(f"{trigger['id']}  {what}  {state}")
