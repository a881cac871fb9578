"""The standard streams of a command, whatever they were given as."""

import contextlib
import os
import select
import sys
from io import TextIOWrapper

READER_LEFT = 141
"""The exit code of a program that wrote to a pipe which nobody reads (128 + SIGPIPE)."""


def open_all() -> None:
    """Open those that are closed on nothing, and let any text be written to the others.

    Otherwise the next file that is opened takes the number of the closed one, and receives whatever
    a library writes to standard error.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _nothing_at(number))
        elif number and isinstance(stream, TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def _nothing_at(number: int) -> TextIOWrapper:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
    return open(os.devnull, "w" if number else "r", encoding="utf-8")  # noqa: PTH123 - a stream


def flushed() -> int:
    """Write what standard output still holds; return the exit code if that fails, or 0."""
    try:
        sys.stdout.flush()
    except OSError as failure:
        return unwritable(failure) or 1
    return 0


def unwritable(failure: OSError) -> int:
    """Return the exit code if standard output is what failed, and drop what it holds; or 0.

    The reader of a pipe, such as `head`, may have enough; anything else is reported.
    """
    if isinstance(failure, BrokenPipeError):
        if not _reader_has_left():
            return 0
        _drop()
        return READER_LEFT
    if failure.filename is not None or not _fails():
        return 0
    _drop()
    with contextlib.suppress(OSError):
        print(f"stepwell: standard output cannot be written: {failure.strerror}", file=sys.stderr)
    return 1


def _drop() -> None:
    """Write to nothing from now on: the rest would be written at the exit, and fail again."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _reader_has_left() -> bool:
    look = select.poll()
    look.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in look.poll(0))


def _fails() -> bool:
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        return True
    return False
