"""How commands end: an error as one line, and quietly if the reader of the output has left."""

import argparse
import os
import select
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.operator.errors import CommandFailed
from app.settings import json_text

_READER_LEFT = 141
"""The exit code of a program that wrote to a pipe which nobody reads (128 + SIGPIPE)."""


def run_command(args: argparse.Namespace, failures: tuple[type[Exception], ...]) -> int:
    """Run the command and return its exit code; print the message of an expected error."""
    try:
        code: int = args.main(args)
        sys.stdout.flush()
    except BrokenPipeError:
        if not _reader_has_left():
            raise
        # Otherwise what is still in the buffer would be written at the exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_LEFT
    except failures as refused:
        print(f"stepwell: {refused}", file=sys.stderr)
        return 1
    except OSError as unusable:
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


def _reader_has_left() -> bool:
    """Return whether standard output is a pipe that nobody reads any more."""
    look = select.poll()
    look.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in look.poll(0))
