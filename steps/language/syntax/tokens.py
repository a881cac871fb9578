"""Splits the text of an expression into tokens."""

import re

from engine.value import value

_TOKEN = re.compile(
    r"""
    [ \t\r\n\f\v]*
    (?: (?P<end>\Z)
  | (?P<float>[0-9][0-9_]*(?:\.[0-9][0-9_]*(?:[eE][+-]?[0-9][0-9_]*)?|[eE][+-]?[0-9][0-9_]*))
  | (?P<integer>0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)
  | (?P<word>[^\W\d]\w*)
  | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%~<>=()\[\]{}.,:|])
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACE = " \t\r\n\f\v"


class Unreadable(Exception):
    """A text is not an expression."""


@value(frozen=True, slots=True)
class Token:
    """One token: its kind (`integer`, `float`, `word`, `text`, `sign`, `end`), text and place."""

    kind: str
    text: str
    at: int


def tokens_of(source: str) -> list[Token]:
    """Split the text of an expression. Raises `Unreadable`."""
    found: list[Token] = []
    at = 0
    while (match := _TOKEN.match(source, at)) is not None:
        kind = str(match.lastgroup)
        found.append(Token(kind, match[kind], match.start(kind)))
        if kind == "end":
            return found
        at = match.end()
    rest = source[at:].lstrip(_SPACE)
    what = "a text is not closed" if rest[0] in "'\"" else f"unexpected {rest[0]!r}"
    raise Unreadable(f"{what} at character {len(source) - len(rest) + 1}")
