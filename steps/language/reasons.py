"""Explains to authors why an expression failed."""

import re

NOTHING = (
    "it gives nothing, as the first or the largest item of an empty list; "
    "say what stands in its place with `default()`"
)
_TOO_LONG = (
    "it takes too many operations; a `map` of a set step has `groupBy` and `sortBy` for long lists"
)
_NO_NUMBER = (
    "the text is not a number; give a replacement with `int(default=0)` or `float(default=0)`"
)
_MIXTURE = re.compile(r"tried to use (\S+) operator on unsupported types (\w+) and (\w+)")
_KINDS = {
    "string": "a text", "number": "a number", "bool": "a boolean", "none": "null",
    "sequence": "a list", "iterable": "a list", "map": "an object", "plain object": "a list",
}  # fmt: skip


def why(wrong: Exception) -> str:
    """Return the message of MiniJinja or a filter, reworded if that makes it clearer."""
    text = str(wrong).partition("\n")[0].partition(" (in ")[0]
    if "invalid float literal" in text or "invalid digit found" in text:
        return _NO_NUMBER
    if found := _MIXTURE.search(text):
        sign, *names = found.groups()
        kinds = " and ".join(_KINDS.get(name, name) for name in names)
        return f"`{sign}` cannot take {kinds}; join texts with `~`"
    return text.replace("engine ran out of fuel", _TOO_LONG)
