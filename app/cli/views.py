"""`stepwell view`: saves views of the list of runs under a name, for the caller, over the API."""

import argparse
import json
from itertools import islice
from urllib.parse import urlencode

from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers, add_verbs
from app.operator.errors import CommandFailed
from stepwell.client import JsonObject


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    verbs = {
        "list": "list your views",
        "save": "keep filters and an order under a name",
        "runs": "list the runs that a view asks for",
        "delete": "delete a view",
    }
    summary = "keep views of the list of runs"
    for verb, command in add_verbs(subparsers, "view", summary, verbs).items():
        if verb != "list":
            command.add_argument("name", metavar="NAME", help="of the view")
        if verb == "save":
            command.add_argument(
                "filters", nargs="*", metavar="FILTER",
                help="as in the API, such as status=failed or sort=-endTime",
            )  # fmt: skip
            command.add_argument("--columns", default="", help="such as status,took")
        if verb == "runs":
            command.add_argument("--limit", type=int, default=50)
        add_options(command)
        command.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Carry out the command and print its result."""
    with client_of(args) as client:
        if args.verb == "list":
            found = client.views.all()
            lines = [_line(view) for view in found]
        elif args.verb == "save":
            columns = [name for name in args.columns.split(",") if name]
            view = client.views.save(args.name, _filters(args.filters), columns)
            found, lines = [view], [_line(view)]
        elif args.verb == "runs":
            view = _named(client.views.all(), args.name)
            runs = list(islice(client.views.runs(view["query"]), args.limit))
            found = [run.document for run in runs]
            lines = [f"{run.run_id}  {run.status}  {run.title or run.workflow_id}" for run in runs]
        else:
            client.views.delete(args.name)
            found, lines = [{"success": True, "name": args.name}], [f"{args.name} is deleted"]
    if args.json:
        is_list = args.verb in ("list", "runs")
        print(json.dumps(found if is_list else found[0]))
    else:
        print("\n".join(map(printable, lines)), end="\n" if lines else "")
    return 0


def _filters(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise CommandFailed(f"{wrong[0]} is not a filter: write it as name=value")
    return {name: value for name, _, value in pairs}


def _named(views: list[JsonObject], name: str) -> JsonObject:
    for view in views:
        if view["name"] == name:
            return view
    raise CommandFailed(f"you have no view {name}; see stepwell view list")


def _line(view: JsonObject) -> str:
    return f"{view['name']}  {urlencode(view['query'])}".rstrip()
