"""Explains to authors why an expression failed."""

import re

NOTHING = (
    "it gives nothing, such as the first item of an empty list or an entry that does not exist; "
    "say what stands in its place with `default()`"
)
_TOO_LONG = (
    "it takes too many operations; a `map` of a set step has `groupBy` and `sortBy` for long lists"
)
_NO_NUMBER = (
    "the text is not a number; give a replacement with `int(default=0)` or `float(default=0)`"
)
_MIXTURE = re.compile(r"tried to use (\S+) operator on unsupported types (.+) and (.+)")
_KINDS = {
    "string": "a text", "number": "a number", "bool": "a boolean", "none": "null",
    "sequence": "a list", "iterable": "a list", "map": "an object",
    "plain object": "a number beyond 128 bits",
    "usize": "a whole number from 0", "u32": "a whole number from 0",
    "isize": "a whole number", "i64": "a whole number", "f64": "a number",
    "integer": "a whole number",
    "float": "a number", "undefined": "a value that does not exist",
}  # fmt: skip


_NAMED = "|".join(sorted(_KINDS, key=len, reverse=True))
_WORDINGS = tuple(
    (re.compile(pattern.replace("KIND", f"({_NAMED})")), wording)
    for pattern, wording in (
        ("cannot convert number to (?:usize|isize|i64|u32|u64)", "it takes a whole number from 0"),
        ("cannot convert KIND to KIND", "it takes {1}, not {0}"),
        ("expected string, got KIND", "it takes a text, not {0}"),
        ("KIND is not iterable", "it takes a list, not {0}"),
        ("must be iterable, got KIND", "it takes a list, not {0}"),
        ("cannot calculate length of value of type KIND", "{0} has no length"),
        ("cannot (?:join value|reverse values) of type KIND", "it takes a list, not {0}"),
        ("Pluralize argument is not an integer", "it takes a whole number, a list or an object"),
        ("cannot get (?:first|last) item from value", "it takes a list or a text"),
        ("cannot convert value to list", "it takes a list, an object or a text"),
        ("cannot convert value into pair", "it takes an object"),
        ("cannot get absolute value", "it takes a number"),
        ("value of type KIND cannot be sliced", "only a list or a text has a part, not {0}"),
        ("keyword arguments from non map \\(got KIND\\)", "`**` takes an object, not {0}"),
        ("unknown method: KIND has no method named (\\S+)", "{0} has no method {1}"),
        ("insecure method call", "values have no such method"),
        (
            "date value out of range|year -?[0-9]+ is out of range",
            "a date is in the years 1 to 9999",
        ),
        ("value is not a string", "it takes a text"),
        ("cannot parse float from empty string", "the text is empty, which is no number"),
        ("unable to calculate (.+ (?://?|%) (?:-?0(?:\\.0)?|false))$", "{0} divides by zero"),
        ("unable to calculate (.+)$", "{0} is too large, or has no value"),
        ("^invalid operation$", "a minus sign stands only before a number"),
        ("^invalid operation: (.+)$", "{0}"),
    )
)


def why(wrong: Exception) -> str:
    """Return the message of MiniJinja or a filter, reworded if that makes it clearer."""
    text = str(wrong).partition("\n")[0].partition(" (in ")[0]
    if "invalid float literal" in text or "invalid digit found" in text:
        return _NO_NUMBER
    if found := _MIXTURE.search(text):
        sign, *names = found.groups()
        kinds = " and ".join(_KINDS.get(name, name) for name in names)
        return f"`{sign}` cannot take {kinds}; join texts with `~`"
    if "unable to calculate" in text:
        text = text.replace("True", "true").replace("False", "false")  # as in JSON
    for pattern, wording in _WORDINGS:
        if found := pattern.search(text):
            return wording.format(*(_KINDS.get(part, part) for part in found.groups()))
    return text.replace("engine ran out of fuel", _TOO_LONG)
