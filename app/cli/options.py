"""Options that commands share."""

import argparse
from pathlib import Path
from typing import Any

from app.settings.server import NO_OPTIONS, Settings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Return a parser one option a setting, less those that are keys."""
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


def given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line names."""
    return {name: getattr(args, name) for name in Settings.model_fields if name not in NO_OPTIONS}
