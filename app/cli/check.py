"""`stepwell check`: prints every problem in definitions, with path and line."""

import argparse
import os
import sys
from pathlib import Path

from app.cli.reporting import text_of
from app.cli.subparsers import Subparsers
from app.definitions.definition_text import TextRefused, read_definition
from app.definitions.json_lines import line_of
from app.operator.errors import CommandFailed
from steps.checking.check import check_document
from steps.registry import Registry
from steps.tools.tools import Tools


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser("check", help="check definitions")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="JSON or YAML")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print what is wrong with each file; return 1 if anything is."""
    plugins = [Path(part) for part in os.environ.get("STEPWELL_PLUGINS", "").split(",") if part]
    registry = Registry.standard(Tools.load(plugins).step_types)
    results = [_check(file, registry) for file in args.files]
    return 0 if all(results) else 1


def _check(file: Path, registry: Registry) -> bool:
    try:
        given = read_definition(text_of(file))
        found = check_document(given.document, registry)
    except CommandFailed as unreadable:
        print(unreadable, file=sys.stderr)
        return False
    except TextRefused as refused:
        print(f"{file}:{refused.line}: {refused}", file=sys.stderr)
        return False
    lines = given.lines() if found.problems or found.warnings else {}
    for problem in found.problems:
        print(f"{file}:{line_of(lines, problem.path)}: {problem}")
    for item in found.warnings:
        print(f"{file}:{line_of(lines, item.path)}: warning: {item}")
    if not found.problems:
        print(f"{file}: OK")
    return not found.problems
