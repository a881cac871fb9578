"""How commands end: an error as one line, and quietly if the reader of the output has left."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.cli import standard_streams
from app.operator.errors import CommandFailed
from app.settings import json_text


def run_command(args: argparse.Namespace, failures: tuple[type[Exception], ...]) -> int:
    """Run the command and return its exit code; print the message of an expected error."""
    try:
        code: int = args.main(args)
        sys.stdout.flush()
    except failures as refused:
        print(f"stepwell: {refused}", file=sys.stderr)
        return 1
    except OSError as unusable:
        if code := standard_streams.unwritable(unusable):
            return code
        if unusable.filename is None:
            raise
        # Any path that was given: too long, a loop of links, a folder where a file belongs.
        print(f"stepwell: {unusable.filename} cannot be used: {unusable.strerror}", file=sys.stderr)
        return 1
    return code


def one_line(row: Mapping[str, object]) -> str:
    """Return the fields of a row for a terminal, as `name=value`; those without a value as `-`."""
    words = {None: "-", True: "yes", False: "no"}
    return "  ".join(
        f"{name}={words[value] if value is None or isinstance(value, bool) else value}"
        for name, value in row.items()
    )


def text_of(file: Path) -> str:
    """Return the text of a file. Raises `CommandFailed`."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as unreadable:
        raise CommandFailed(f"{file} cannot be read: {unreadable.strerror}") from unreadable
    except UnicodeDecodeError as other:
        raise CommandFailed(f"{file} is not a text in UTF-8: save it in that encoding") from other


def json_of(text: str, option: str) -> Any:
    """Return the JSON given for an option. Raises `CommandFailed`."""
    try:
        return json_text.read(text)
    except ValueError as wrong:
        raise CommandFailed(f"{option} is not JSON: {wrong}") from wrong
