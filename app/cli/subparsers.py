"""The type of the object that commands are added to."""

import argparse

Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it
