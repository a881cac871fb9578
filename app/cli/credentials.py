"""`stepwell key` and `stepwell jwt-secret`: create, list, disable."""

import argparse
import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from app.auth.roles import Role
from app.auth.tokens import ALGORITHMS
from app.cli import progress
from app.cli.options import add_tenant_folder
from app.cli.reporting import one_line
from app.cli.subparsers import Subparsers, add_verbs
from app.operator.errors import CommandFailed
from app.operator.tenant_commands import ask
from steps.language.durations import duration_ms

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    for what, role in (("key", Role.ADMIN), ("jwt-secret", Role.OPERATOR)):
        verbs = {
            "create": f"create a {what}, and show it once",
            "list": f"list the {what}s",
            "disable": f"disable a {what}",
        }
        summary = f"create, list or disable {what}s of a tenant"
        for verb, command in add_verbs(subparsers, what, summary, verbs).items():
            add_tenant_folder(command)
            command.set_defaults(main=main, what=what)
            if verb == "disable":
                command.add_argument("which", help="its id (or prefix), or its kid")
            if verb == "create":
                command.add_argument("--role", choices=[item.value for item in Role], default=role)
                command.add_argument("--name", default="")
                if what == "key":
                    command.add_argument("--expires", help="a duration such as 90d")
                else:
                    command.add_argument("--algorithm", choices=ALGORITHMS, default="HS256")
                    command.add_argument("--public-key-file", type=Path)


def main(args: argparse.Namespace) -> int:
    """Carry out the command and print its answer."""
    answer = asyncio.run(ask(args.data, f"{args.what}.{args.verb}", _given(args), progress.line))
    if args.json:
        print(json.dumps(answer))
        return 0
    if "key" in answer:
        about = f"key {answer['id']} of {args.tenant} with the role {answer['role']}"
        print(f"{about}; it is shown only now:", file=sys.stderr)
        sys.stderr.flush()
        print(answer["key"])  # alone, so that a shell can keep it in a variable
        return 0
    for row in answer.get(f"{args.what.removeprefix('jwt-')}s", [answer]):
        print(one_line(row))
    return 0


def tenant_of(args: argparse.Namespace) -> str:
    """Return the tenant that a command names. Raises `CommandFailed`."""
    tenant: str = args.tenant
    if not _TENANT.fullmatch(tenant):
        raise CommandFailed("--tenant must have 1 to 64 letters, digits, dots, dashes")
    return tenant


def _given(args: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {"tenant": tenant_of(args)}
    if args.verb == "disable":
        given["which"] = args.which
    if args.verb != "create":
        return given
    given |= {"role": str(args.role), "name": args.name}
    if args.what == "key":
        if args.expires:
            try:
                given["expires_at_ms"] = int(time.time() * 1_000) + duration_ms(args.expires)
            except ValueError as wrong:
                raise CommandFailed(f"--expires {wrong}") from wrong
        return given
    given["algorithm"] = args.algorithm
    if args.public_key_file:
        try:
            given["public_key"] = args.public_key_file.read_text(encoding="utf-8")
        except (OSError, ValueError) as unreadable:
            raise CommandFailed(f"--public-key-file cannot be read: {unreadable}") from unreadable
    return given
