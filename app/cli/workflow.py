"""`stepwell workflow`: moves definitions between files and a server."""

import argparse
import json
from difflib import unified_diff
from pathlib import Path
from typing import cast

from app.cli.definition_bundle import export_to, import_from
from app.cli.definition_push import complain, newest_of, push_one, read_all
from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers
from app.cli.whole_file import write_text
from app.definitions.definition_files import (
    FileUnusable,
    as_json,
    as_yaml,
    normal,
    read_file,
)
from engine import JsonObject
from stepwell.client import ApiError


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    group = subparsers.add_parser(
        "workflow", help="push, pull and publish definitions in files"
    ).add_subparsers(required=True, metavar="WHAT")

    parser = group.add_parser(
        "push", help="store definitions from files that differ from the server's"
    )
    _add_places(parser)
    parser.add_argument("--publish", action="store_true", help="publish what is stored, too")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.set_defaults(main=push)

    parser = group.add_parser("pull", help="write the server's definitions into files")
    parser.add_argument("ids", metavar="ID", nargs="*", help="of workflows; all without one")
    parser.add_argument("--to", type=Path, default=Path(), help="the folder (this one)")
    parser.add_argument("--yaml", action="store_true", help="new files as YAML, not as JSON")
    parser.add_argument("--version", default="latest", help="latest, published or a number")
    parser.set_defaults(main=pull)

    parser = group.add_parser(
        "diff", help="show how files differ from the server; exits with 1 if they do"
    )
    _add_places(parser)
    parser.set_defaults(main=diff)

    parser = group.add_parser("publish", help="publish a version of workflows")
    parser.add_argument("ids", metavar="ID", nargs="+")
    parser.add_argument("--version", help="its number; the newest without it")
    parser.set_defaults(main=publish)

    parser = group.add_parser("export", help="write all workflows and agents for another server")
    parser.add_argument("ids", metavar="ID", nargs="*", help="of workflows; all without one")
    parser.add_argument(
        "--to", type=Path, required=True, help="a folder, or a file that ends in .json or .yaml"
    )
    parser.add_argument(
        "--latest", action="store_true", help="the newest versions, published or not"
    )
    parser.set_defaults(main=export_to)

    parser = group.add_parser("import", help="store what another server has exported")
    parser.add_argument("place", type=Path, metavar="PLACE", help="the folder or the file")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument(
        "--without-secrets", action="store_true", help="continue although secrets are missing"
    )
    parser.set_defaults(main=import_from)

    for parser in group.choices.values():
        add_options(parser)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("places", type=Path, nargs="+", metavar="FILE", help="files and folders")


def push(args: argparse.Namespace) -> int:
    """Store each definition that differs from the server's; return 1 if one is refused."""
    found, is_well = read_all(args.places)
    with client_of(args) as client:
        lines = []
        for item in found:
            try:
                lines.append(push_one(client, item, publish=args.publish, dry_run=args.dry_run))
            except ApiError as refused:
                is_well = False
                complain(item, refused)
        if args.json:
            print(json.dumps(lines))
        else:
            for line in lines:
                print(printable("  ".join(str(part) for part in line.values() if part)))
    return 0 if is_well else 1


def pull(args: argparse.Namespace) -> int:
    """Write files; a file with the same content is left as it is, comments included."""
    with client_of(args) as client:
        ids = args.ids or [item["id"] for item in client.workflows.list()]
        args.to.mkdir(parents=True, exist_ok=True)
        for one in ids:
            found = client.workflows.get(one, args.version)
            document: JsonObject = {"id": one, **normal("workflow", cast("JsonObject", found))}
            print(printable(f"{_written(args.to, one, document, in_yaml=args.yaml)}"))
    return 0


def _written(folder: Path, name: str, document: JsonObject, *, in_yaml: bool) -> str:
    there = [folder / f"{name}{ending}" for ending in (".yaml", ".yml", ".json")]
    path = next((path for path in there if path.exists()), there[0 if in_yaml else 2])
    if path.exists():
        try:
            kept = read_file(path)
        except FileUnusable:
            kept = None
        if kept is not None and kept.document == normal("workflow", document):
            return f"{path}  unchanged"
    text = as_json(document) if path.suffix == ".json" else as_yaml(document)
    write_text(path, text)
    return f"{path}  written"


def diff(args: argparse.Namespace) -> int:
    """Print the differences, the server's side first; return 1 if there are any."""
    found, is_well = read_all(args.places)
    differs = False
    with client_of(args) as client:
        for item in found:
            newest = newest_of(client, item.kind, item.id)
            there = normal(item.kind, newest) if newest else {}
            if there == item.document:
                continue
            differs = True
            ordered = {key: there[key] for key in (*item.document, *there) if key in there}
            old = as_json(ordered).splitlines() if newest else []
            lines = unified_diff(
                old, as_json(item.document).splitlines(),
                f"{item.kind} {item.id} {newest['version'] if newest else '(none)'}",
                str(item.path), lineterm="",
            )  # fmt: skip
            for line in lines:
                print(printable(line))
    return 1 if differs or not is_well else 0


def publish(args: argparse.Namespace) -> int:
    """Publish a version of each."""
    with client_of(args) as client:
        published = [client.workflows.publish(one, args.version) for one in args.ids]
        for item in published:
            print(json.dumps(item) if args.json else f"{item['id']}  {item['version']}  published")
    return 0
