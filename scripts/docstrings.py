"""Parses docstrings in Google's style."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from inspect import cleandoc

_SECTION = re.compile(
    r"^(Args|Attributes|Raises|Returns|Yields):\n((?:    .*\n|\n)+)", re.MULTILINE
)
_NAMED = ("Args", "Attributes", "Raises")
_ENTRY = re.compile(r"^    ([*\w.]+): (.+(?:\n     +.+)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Docstring:
    """A parsed docstring.

    Attributes:
        paragraphs: The paragraphs before the sections, one line each.
        named: The sections `Args`, `Attributes` and `Raises`: one line per name.
        result: The text of `Returns` or `Yields`; empty if there is neither.
    """

    paragraphs: tuple[str, ...]
    named: Mapping[str, Mapping[str, str]]
    result: str

    def of(self, section: str) -> Mapping[str, str]:
        """Return the names of a section with their meanings; empty if it is missing."""
        return self.named.get(section, {})


def read(text: str) -> Docstring:
    """Parse a docstring."""
    clean = cleandoc(text) + "\n"
    found = dict(_SECTION.findall(clean))
    prose = _SECTION.split(clean)[0]
    return Docstring(
        paragraphs=tuple(_line(part) for part in prose.split("\n\n") if part.strip()),
        named={
            name: {entry: _line(meaning) for entry, meaning in _ENTRY.findall(found[name])}
            for name in _NAMED
            if name in found
        },
        result=_line(found.get("Returns", "") + found.get("Yields", "")),
    )


def _line(text: str) -> str:
    return " ".join(text.split())
