"""The command line: `stepwell`."""

import argparse
import sys
from importlib.metadata import version

from app import log
from app.cli import (
    acting,
    check,
    config,
    credentials,
    doctor,
    keeping,
    run,
    runs,
    secrets,
    serve,
    watching,
)
from app.control import CommandFailed
from app.secrets.seal import KeyUnusable
from app.settings import SettingsError
from steps.registry import StepTypeError
from steps.tools import ToolLoadError
from stepwell.client import StepwellError

_TOLD = (CommandFailed, KeyUnusable, SettingsError, StepTypeError, StepwellError, ToolLoadError)
"""Failures that are told in one line."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="stepwell", description="A durable workflow server for one machine."
    )
    parser.add_argument("--version", action="version", version=version("stepwell"))
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (
        serve,
        acting,
        watching,
        credentials,
        secrets,
        runs,
        keeping,
        doctor,
        check,
        run,
        config,
    ):
        command.add(subparsers)
    args = parser.parse_args(arguments)
    log.configure("warning", "console")  # until `serve` knows the settings
    try:
        code: int = args.main(args)
    except _TOLD as refused:
        print(f"stepwell: {refused}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
