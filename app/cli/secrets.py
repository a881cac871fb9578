"""`stepwell secret`: sets, lists and deletes secrets."""

import argparse
import asyncio
import getpass
import json
import sys

from app.cli import progress
from app.cli.credentials import tenant_of
from app.cli.options import add_tenant_folder
from app.cli.reporting import one_line
from app.cli.subparsers import Subparsers, add_verbs
from app.operator.errors import CommandFailed
from app.operator.tenant_commands import ask


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    verbs = {
        "set": "keep a secret; its value is read from standard input",
        "list": "list the names of secrets",
        "delete": "delete a secret",
    }
    summary = "set, list or delete secrets of a tenant"
    for verb, command in add_verbs(subparsers, "secret", summary, verbs).items():
        add_tenant_folder(command)
        if verb != "list":
            command.add_argument("name")
        command.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Carry out the command and print its answer."""
    given = {"tenant": tenant_of(args)}
    if args.verb != "list":
        given["name"] = args.name
    if args.verb == "set":
        given["value"] = _value()
    answer = asyncio.run(ask(args.data, f"secret.{args.verb}", given, progress.line))
    if args.json:
        print(json.dumps(answer))
        return 0
    for row in answer.get("secrets", [answer]):
        print(one_line(row))
    return 0


def _value() -> str:
    """Read the value without showing it; a line end after it is dropped."""
    if sys.stdin.isatty():
        return getpass.getpass("Value: ")
    try:
        value = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as wrong:
        raise CommandFailed("the value must be UTF-8 text") from wrong
    return value.removesuffix("\n").removesuffix("\r")
