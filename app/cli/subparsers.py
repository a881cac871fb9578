"""The parser of a command, and the type of the object that commands are added to."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


class Parser(argparse.ArgumentParser):
    """A parser that names the nearest option for an unknown one, with the command's own usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and end with an error for what this command does not know."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return found, unknown

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        from steps.language.nearest import nearest  # noqa: PLC0415 - for mistakes only

        words = [word.partition("=")[0] for word in unknown if word.startswith("--")]
        known = self._option_string_actions
        hint = next((near for word in words if (near := nearest(word, known))), "")
        self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
