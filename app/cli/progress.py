"""Progress of long commands, for a person who watches."""

import sys


def show(words: str) -> None:
    """Write how far a command is over the line before; nothing where nobody watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


def line(words: str) -> None:
    """Write how far a command is, a line each, also where standard error is a file."""
    print(words, file=sys.stderr, flush=True)
