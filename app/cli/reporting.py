"""Failures of commands, told in one line."""

import argparse
import sys


def run_command(args: argparse.Namespace, failures: tuple[type[Exception], ...]) -> int:
    """Run the command and return its exit code; print the message of a failure that is expected."""
    try:
        code: int = args.main(args)
    except failures as refused:
        print(f"stepwell: {refused}", file=sys.stderr)
        return 1
    return code
