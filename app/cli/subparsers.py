"""What a command adds itself to."""

import argparse

Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it
