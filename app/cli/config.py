"""`stepwell config`: prints every setting, its value, its meaning, and where it came from."""

import argparse
import json

from app.cli.options import add_settings, given
from app.cli.subparsers import Subparsers
from app.settings.server import Settings, load


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("config", help="show every setting and its source")
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print the settings."""
    loaded = load(given(args), args.config)
    values = loaded.settings.model_dump(mode="json")
    if args.json:
        shown = {
            name: {"value": value, "source": loaded.sources[name]} for name, value in values.items()
        }
        print(json.dumps(shown, indent=2))
        return 0
    for name, field in Settings.model_fields.items():
        print(f"{name} = {values[name]!r}  ({loaded.sources[name]})\n    {field.description}")
    return 0
