"""From the text of an expression to its tokens."""

import re

from engine.value import value

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f\v]+)
  | (?P<float>[0-9][0-9_]*(?:\.[0-9][0-9_]*(?:[eE][+-]?[0-9][0-9_]*)?|[eE][+-]?[0-9][0-9_]*))
  | (?P<integer>0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)
  | (?P<word>[^\W\d]\w*)
  | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<sign>\*\*|//|==|!=|<=|>=|[-+*/%~<>=()\[\]{}.,:|])
    """,
    re.VERBOSE | re.DOTALL,
)


class Unreadable(Exception):
    """A text that is no expression."""


@value(frozen=True, slots=True)
class Token:
    """One token: its kind (`integer`, `float`, `word`, `text`, `sign`, `end`), text and place."""

    kind: str
    text: str
    at: int


def tokens_of(source: str) -> list[Token]:
    """Split the text of an expression. Raises `Unreadable`."""
    found, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            what = "a text is not closed" if source[at] in "'\"" else f"unexpected {source[at]!r}"
            raise Unreadable(f"{what} at character {at + 1}")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match[0], at))
        at = match.end()
    return [*found, Token("end", "", at)]
