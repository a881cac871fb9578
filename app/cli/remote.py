"""Shared by the commands that ask a server over its API."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.cli.reporting import json_of, run_command, text_of
from app.operator.errors import CommandFailed
from app.settings.extras import ExtraMissing
from stepwell.client import Client, StepwellError

_ASKS_S, _FOLLOWS_S = 10.0, 30.0
"""How long to retry while the server does not answer."""


def carry_out(args: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    return run_command(args, (CommandFailed, ExtraMissing, StepwellError))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the server and the credentials to a command."""
    parser.add_argument("--url", help="where the server is (STEPWELL_URL)")
    parser.add_argument("--key", help="an API key; others can see it here, better set STEPWELL_KEY")
    parser.add_argument("--tenant", help="whose key it is (STEPWELL_TENANT; default)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def client_of(args: argparse.Namespace, *, follows: bool = False) -> Client:
    """Return a client; one with long retries for a command that `follows` a run.

    Raises `NoCredentials`.
    """
    retry_for_s = _FOLLOWS_S if follows else _ASKS_S
    return Client(args.url, api_key=args.key, tenant=args.tenant, retry_for_s=retry_for_s)


def object_of(text: str, option: str) -> dict[str, Any]:
    """Return the JSON object given for an option. Raises `CommandFailed`."""
    found = json_of(text, option)
    if not isinstance(found, dict):
        raise CommandFailed(f"{option} must be a JSON object")
    return found


def object_in(file: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds. Raises `CommandFailed`."""
    return object_of(text_of(file), str(file))


def firing_line(firing: Mapping[str, Any]) -> str:
    """Return one result of a trigger, as a line to print below it."""
    what = firing["runId"] or firing["message"] or ""
    return printable(f"  {firing['key']}  {firing['outcome']}  {what}")


def printable(text: str) -> str:
    """Return a text without characters that a terminal would act upon."""
    return "".join(char if char.isprintable() else "?" for char in text)
