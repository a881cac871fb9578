"""`stepwell person invite`: prints a link by which a person chooses a password."""

import argparse
import asyncio
import json

from app.auth.roles import Role
from app.cli import progress
from app.cli.credentials import tenant_of
from app.cli.options import add_tenant_folder
from app.cli.subparsers import Subparsers
from app.operator.tenant_commands import ask

_SUMMARY = "make a link with which a new or known person chooses a password"


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    group = subparsers.add_parser("person", help="invite people, who sign in by name")
    verbs = group.add_subparsers(required=True, metavar="invite")
    parser = verbs.add_parser("invite", help=_SUMMARY, description=_SUMMARY)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--role", choices=[role.value for role in Role], default="",
        help="what they may do (operator for somebody new; as it is for others)",
    )  # fmt: skip
    add_tenant_folder(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print the link as a path; the reader puts the server's address before it."""
    given = {"tenant": tenant_of(args), "name": args.name, "role": args.role}
    answer = asyncio.run(ask(args.data, "person.invite", given, progress.line))
    if args.json:
        print(json.dumps(answer))
    else:
        print(
            f"{answer['name']} ({answer['role']}) chooses a password, until {answer['until']}, at"
        )
        print(f"the server's address and then {answer['path']}")
    return 0
