"""The parser of a command, and what commands and their verbs are added to."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""What commands are added to; argparse has no public name for its type."""


def add_verbs(
    subparsers: Subparsers, command: str, summary: str, verbs: Mapping[str, str]
) -> dict[str, argparse.ArgumentParser]:
    """Add a command with verbs, each with its summary; return the parsers of the verbs.

    The verb that is given is `verb` in what is parsed.
    """
    parser = subparsers.add_parser(command, help=summary)
    group = parser.add_subparsers(required=True, metavar="|".join(verbs), dest="verb")
    return {
        verb: group.add_parser(verb, help=text, description=text) for verb, text in verbs.items()
    }


class Parser(argparse.ArgumentParser):
    """A parser that names the nearest option for an unknown one, with the command's own usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and end with an error for what this command does not know."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return found, unknown

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print a text; on standard output a failure is raised, which argparse would drop."""
        if file is not sys.stdout:
            super()._print_message(message, file)
        else:
            sys.stdout.write(message)
            sys.stdout.flush()

    def refuse_unreadable(self, words: Sequence[str]) -> None:
        """End with an error for words that are no text, or no value where one belongs."""
        for word in words:
            if not word.isascii() and word != word.encode(errors="replace").decode():
                self.error(f"not text in the encoding of this terminal: {word!a}")
            if word.startswith("--") and word.endswith("=--"):  # argparse makes it an empty list
                self.error(f"argument {word.removesuffix('=--')}: -- is no value")

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        from steps.language.nearest import nearest  # noqa: PLC0415 - for mistakes only

        words = [word.partition("=")[0] for word in unknown if word.startswith("--")]
        known = self._option_string_actions
        hint = next((near for word in words if (near := nearest(word, known))), "")
        self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
