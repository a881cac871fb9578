"""Shows the progress of long commands in a terminal."""

import sys


def show(words: str) -> None:
    """Write the progress over the line before; nothing if standard error is not a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


def line(words: str) -> None:
    """Write the progress, one line each time, also if standard error is a file."""
    print(words, file=sys.stderr, flush=True)
