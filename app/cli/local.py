"""Shared by the commands that work on a folder of this machine."""

import argparse

from app.cli.reporting import run_command
from app.operator.errors import CommandFailed
from app.secrets.seal import KeyUnusable
from app.settings.extras import ExtraMissing
from app.settings.server import SettingsError
from app.telemetry import log_output
from steps.registry import StepTypeError
from steps.tools.tools import ToolLoadError


def carry_out(args: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    log_output.configure("warning", "console")  # until `serve` knows the settings
    expected = (
        ExtraMissing,
        KeyUnusable,
        SettingsError,
        StepTypeError,
        ToolLoadError,
        *getattr(args, "failures", ()),
    )
    return run_command(args, (CommandFailed, *expected))
