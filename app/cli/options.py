"""Options that several commands share."""

import argparse
from pathlib import Path
from typing import Any

from app.settings.server import NO_OPTIONS, Settings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add one option per setting to a parser, except for settings that are keys."""
    parser.add_argument("--config", type=Path, help="a TOML file with settings")
    for name, field in Settings.model_fields.items():
        if name in NO_OPTIONS:
            continue
        is_list = isinstance(field.default, list)
        shown = "none" if field.default in (None, [], {}) else field.default
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            action="append" if is_list else "store",
            metavar=name.upper(),
            help=f"{field.description} (default: {shown}; STEPWELL_{name.upper()})",
        )


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the options for the data folder and the form of the answer to a command."""
    parser.add_argument("--data", type=Path, help="the data folder")
    parser.add_argument("--config", type=Path, help="a TOML file with settings")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_tenant_folder(parser: argparse.ArgumentParser) -> None:
    """Add the options for the tenant and the data folder to a command."""
    parser.add_argument("--data", type=Path, default=Path("data"), help="the data folder")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that are given on the command line."""
    return {name: getattr(args, name) for name in Settings.model_fields if name not in NO_OPTIONS}
