"""`stepwell serve`: runs the server."""

import argparse

from app.cli.options import add_settings, given
from app.cli.subparsers import Subparsers
from app.server import serve
from app.settings.server import load


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("serve", help="run the server")
    add_settings(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    return serve(load(given(args), args.config).settings)
