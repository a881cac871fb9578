"""Removes secrets from a text, in whatever form they were written there. Pure.

These forms of a secret are found: the value itself, also in lower case (as host names are written);
each of its characters escaped for URLs, JSON (also JSON in JSON) or HTML; and the middle of its
base64 forms, standard or for URLs, at any offset in the encoded data. If a text such as an error
message was cut inside a secret, the remaining part is found too, from eight characters on. Values
derived from a secret by an expression (a hash, a substring) are not found. For values longer than
8,000 characters, and for values that begin by repeating themselves (`aaaaaaaaaaaa`), only the usual
forms are found, not every mixture of escapes.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from urllib.parse import quote, quote_plus

from engine import Json

MASK = "***"
SHORTEST = 4
"""Shorter values are not masked: they would match in texts that do not contain the secret."""

FEW = 32
FEW_CHARACTERS = 16_384
"""The most values, and the most characters, that may be compiled on the event loop."""

_LONGEST_COMPILED = 8_000
_SHORTEST_CUT = 8
_LONGEST_ESCAPE = 12
_GROUPED = 3
_MOST_NESTED = 30
_MOST_REPEATS = 8
_MOST_LOOKS = 50_000
# Bounded, so that a text of backslashes alone takes no longer than any other.
_ESCAPES = 15
_NAMED = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class Mask:
    """Replaces every occurrence of some secret values by `***`."""

    __slots__ = (
        "_cut", "_forms", "_long", "_longest", "_numbers", "_same", "_whole", "is_needed",
    )  # fmt: skip

    def __init__(self, values: Iterable[str]) -> None:
        """Compile the forms of all values; values shorter than 4 characters are left out."""
        used = sorted({value for value in values if len(value) >= SHORTEST})
        long = [value for value in used if len(value) > _LONGEST_COMPILED or _repeats(value)]
        self._numbers = frozenset(used)
        self._long = sorted({text for value in long for text in _literals(value)}, key=len)[::-1]
        self._forms = sorted({form for value in used for form in _forms(value)})
        self.is_needed = bool(self._forms)
        """Whether there is any value to replace."""
        pairs = zip([(), *self._forms], self._forms, strict=False)
        self._same = [_same(one, other) for one, other in pairs]
        self._longest = max((len(form) for form in self._forms), default=0) * _LONGEST_ESCAPE
        compiled = {form for value in set(used).difference(long) for form in _forms(value)}
        short = sorted(form for form in compiled if len(form) <= _LONGEST_COMPILED)
        self._whole = re.compile(_any_of(short, 0)) if short else None
        starts = sorted({f[:_SHORTEST_CUT] for f in self._forms if len(f) > _SHORTEST_CUT})
        self._cut = re.compile(_any_of(starts, 0)) if starts else None

    def text(self, text: str) -> str:
        """Return the text without the values, even if the text was cut inside one."""
        return self.without_cut(self._whole_ones(text))

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the start and end of each complete value in a text."""
        for literal in self._long:
            at = text.find(literal)
            while at >= 0:
                yield at, at + len(literal)
                at = text.find(literal, at + len(literal))
        if self._whole:
            yield from (match.span() for match in self._whole.finditer(text))

    def without_cut(self, text: str) -> str:
        """Return the text without the part of a value that was left by a cut at its end."""
        if self._cut is None:
            return text
        looks = _MOST_LOOKS
        for start in self._cut.finditer(text, max(0, len(text) - self._longest)):
            is_cut, looked = self._is_cut(text, start.start())
            looks -= looked
            if is_cut or looks < 0:  # a text crafted to take long loses its end
                return text[: start.start()] + MASK
        return text

    def _is_cut(self, text: str, at: int) -> tuple[bool, int]:
        """Return whether the text ends within a value that begins at `at`, and the number of looks.

        The forms are sorted, so the part that a form shares with the one before is not checked
        again.
        """
        ends, looked = [at], 0
        for form, same in zip(self._forms, self._same, strict=True):
            if same >= len(ends):
                continue  # it fails at the same character as the form before
            del ends[same + 1 :]
            for token in form[same:]:
                looked += 1
                match = re.compile(token).match(text, ends[-1])
                if match is None:
                    rest = text[ends[-1] :]
                    if 0 < len(rest) < _LONGEST_ESCAPE and rest[0] in "%\\&":
                        return True, looked
                    break
                ends.append(match.end())
                if match.end() == len(text):
                    return True, looked
        return False, looked

    def value(self, value: Json) -> Json:
        """Return the JSON value without the secret values in its strings, keys and numbers."""
        if not self._forms or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        try:
            # One search in the JSON text is far faster than one in each of many strings.
            if self._whole and not self._long and not self._whole.search(_json(value)):
                return value
            return self._inside(value)
        except RecursionError:
            return MASK

    def _inside(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._whole_ones(value)
        if isinstance(value, dict):
            return {self._whole_ones(key): self._inside(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._inside(item) for item in value]
        if isinstance(value, int | float) and str(value) in self._numbers:
            return MASK
        return value

    def _whole_ones(self, text: str) -> str:
        for literal in self._long:
            text = text.replace(literal, MASK)
        return self._whole.sub(MASK, text) if self._whole else text


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _any_of(forms: Sequence[tuple[str, ...]], depth: int, nested: int = 0) -> str:
    """Return a pattern that matches any of the forms, longest first, grouped by common prefix.

    `forms` are sorted. A common prefix is tried once, not once per form, so a text full of it takes
    no longer than any other.
    """
    same = depth
    while all(len(form) > same and form[same] == forms[0][same] for form in forms):
        same += 1
    lead = "".join(forms[0][depth:same])
    if len(forms) == 1:
        return lead
    ways: list[tuple[int, str]] = []
    for first, grouped in groupby(forms, lambda form: form[same] if len(form) > same else ""):
        group = list(grouped)
        # Tokens other than letters and digits may match the same text, so the longest comes first.
        if nested < _MOST_NESTED and (same < _GROUPED or first in _ALNUM) and first:
            longest = max(map(len, group))
            ways.append((longest, first + _any_of(group, same + 1, nested + 1)))
        else:
            ways += {(len(form), "".join(form[same:])) for form in group}
    ways.sort(key=lambda way: (-way[0], way[1]))
    return f"{lead}(?:{'|'.join(text for _, text in ways)})"


def _same(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many tokens both have in common at the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _forms(value: str) -> Iterable[tuple[str, ...]]:
    """Return every form of a value as a list of patterns, one per character."""
    yield _tokens(value)
    if value.lower() != value:
        yield _tokens(value.lower())
    for core in _base64_cores(value):
        yield tuple(_BASE64.get(char, char) for char in core)


def _repeats(value: str) -> bool:
    """Return whether a value begins with the same part repeated.

    In a text made of that part alone, a pattern would begin to match at every repetition and each
    time continue for the length of the value.
    """
    # For each index: how many characters from there repeat the beginning of the value.
    reach, start = [0] * len(value), 0
    for at in range(1, len(value)):
        end = start + reach[start]
        known = min(reach[at - start], end - at) if at < end else 0
        while at + known < len(value) and value[at + known] == value[known]:
            known += 1
        reach[at] = known
        if at + known > end:
            start = at
        if known >= _MOST_REPEATS * at:
            return True
    return False


def _literals(value: str) -> Iterable[str]:
    """Return the usual forms of a long value as literal text."""
    yield from (value, value.lower(), quote(value), quote(value, safe=""), quote_plus(value))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    for core in _base64_cores(value):
        yield core
        yield core.replace("+", "-").replace("/", "_")


def _base64_cores(value: str) -> Iterable[str]:
    """Return the three base64 forms of a value, without the characters its neighbours affect."""
    for shift, dropped in ((0, 0), (1, 2), (2, 3)):
        raw = bytes(shift) + value.encode()
        yield base64.b64encode(raw)[dropped : len(raw) * 8 // 6].decode()


def _tokens(value: str) -> tuple[str, ...]:
    return tuple(_token(match[0]) for match in re.finditer(r"\\+|[^\\]", value, re.DOTALL))


def _token(char: str) -> str:
    """Return a pattern for a character in any of its escaped forms."""
    if char in _ALNUM:
        return char
    if char[0] == "\\":
        many = len(char)
        return f"(?:\\\\{{{many},{many * (_ESCAPES + 1)}}}|{_in_url(char[0]) * many})"
    quoted = f"\\\\{{0,{_ESCAPES}}}" if char in "\"'/" else ""
    # The character itself comes last, because another alternative may begin with it.
    ways = [*_in_html(char), *_in_json(char), _in_url(char), quoted + re.escape(char)]
    if char == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def _in_url(char: str) -> str:
    return "".join(f"%(?:25){{0,2}}{_hex(f'{byte:02x}')}" for byte in char.encode())


def _in_json(char: str) -> Iterable[str]:
    lead = f"\\\\{{1,{_ESCAPES}}}"
    units = char.encode("utf-16-be")
    yield "".join(f"{lead}u{_hex(units[at : at + 2].hex())}" for at in range(0, len(units), 2))
    if char in _NAMED:
        yield lead + _NAMED[char]
    if ord(char) < 0x100:  # noqa: PLR2004 - as Python's repr writes it
        yield f"{lead}x{_hex(f'{ord(char):02x}')}"


def _in_html(char: str) -> Iterable[str]:
    import html

    if (named := html.escape(char)) != char:
        yield re.escape(named)
        yield f"&#0{{0,3}}{ord(char)};"
        yield f"&#[xX]0{{0,3}}{_hex(f'{ord(char):x}')};"


def _hex(digits: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in digits)


_BASE64: Mapping[str, str] = {
    "+": f"(?:[+-]|{_in_url('+')})",
    "/": f"(?:\\\\{{0,{_ESCAPES}}}[/_]|{_in_url('/')})",
}
