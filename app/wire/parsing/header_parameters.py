"""Parses parameters of a header, such as `form-data; name="a"; filename*=utf-8''b`."""

import re
from urllib.parse import unquote_to_bytes

_PARAMETER = re.compile(
    rb"[ \t]*;[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*"
    rb'(?:"((?:[^"\\]|\\.)*(?=")|[^"]*\\(?="\Z))"|([^;"]*)))?',
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(rb'\\(["\\])')
_EXTENDED = re.compile(rb"(utf-8|iso-8859-1)'[^']*'([^']*)", re.IGNORECASE)


def parameters_of(value: bytes) -> dict[str, bytes]:
    """Return a header's parameters by lower-case name.

    Within quotes, a backslash is an escape only before a quote or another backslash, since browsers
    write other backslashes of a file name as they are. A backslash before the closing quote is
    literal if that quote ends the header.

    Raises:
        ValueError: The header cannot be read, or names a parameter twice.
    """
    value = value.rstrip(b" \t")
    at = value.find(b";")
    found: dict[str, bytes] = {}
    while 0 <= at < len(value):
        match = _PARAMETER.match(value, at)
        if match is None:
            raise ValueError("a header has parameters that cannot be read")
        at = match.end()
        if match[1] is None:
            continue  # two semicolons, or one at the end
        name = match[1].decode("ascii").lower()
        if name in found:
            raise ValueError(f"a header has the parameter {name[:40]!r} twice")
        bare = match[3]
        found[name] = _QUOTED_PAIR.sub(rb"\1", match[2]) if bare is None else bare.rstrip(b" \t")
    return found


def extended_text(value: bytes) -> str | None:
    """Return the text of a parameter such as `filename*` (RFC 8187); None if it is invalid."""
    match = _EXTENDED.fullmatch(value)
    if match is None:
        return None
    try:
        return unquote_to_bytes(match[2]).decode(match[1].decode("ascii"))
    except UnicodeDecodeError:
        return None
