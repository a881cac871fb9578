"""`stepwell variable`: sets, lists and deletes variables."""

import argparse
import asyncio
import json

from app.cli import progress
from app.cli.credentials import tenant_of
from app.cli.options import add_tenant_folder
from app.cli.reporting import one_line
from app.cli.subparsers import Subparsers, add_verbs
from app.operator.errors import CommandFailed
from app.operator.tenant_commands import ask
from app.settings import json_text


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    verbs = {
        "set": "keep a variable, which expressions name as vars.NAME",
        "list": "list variables with their values",
        "delete": "delete a variable",
    }
    summary = "set, list or delete variables of a tenant"
    for verb, command in add_verbs(subparsers, "variable", summary, verbs).items():
        add_tenant_folder(command)
        if verb != "list":
            command.add_argument("name")
        if verb == "set":
            command.add_argument("value", help='JSON, such as 5 or {"a": 1} or \'"text"\'')
        command.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Carry out the command and print its answer."""
    given = {"tenant": tenant_of(args)}
    if args.verb != "list":
        given["name"] = args.name
    if args.verb == "set":
        try:
            given["value"] = json_text.read(args.value)
        except ValueError as wrong:
            message = f"the value must be JSON, with texts in double quotes: {wrong}"
            raise CommandFailed(message) from wrong
    answer = asyncio.run(ask(args.data, f"variable.{args.verb}", given, progress.line))
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
        return 0
    if args.verb != "list":
        print(one_line(answer))
    for row in answer.get("variables", []):
        print(f"{row['name']}={json.dumps(row['value'], ensure_ascii=False)}")
    return 0
