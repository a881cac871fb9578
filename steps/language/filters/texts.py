"""Filters for texts: patterns, encodings, addresses and signatures.

Patterns are those of RE2, which never backtracks; the work is bounded before it is done.
"""

import base64
import hashlib
import hmac as signing
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, quote, unquote_plus
from urllib.parse import urlsplit as split_address

from steps.language.operands import text_part
from steps.language.operations import kind_of, plain_items

_LONGEST_PATTERN = 500
_MOST_WORK = 4_000_000
"""The most characters times pattern instructions of one pass through a text."""
_MOST_LOOKS = 50_000_000
"""The most characters in total, when each match may scan the whole rest of the text."""
_MEMORY = 1 << 20
_MOST_PARAMETERS = 1_000
_ALGORITHMS = ("sha1", "sha256", "sha512")


def regex_match(text: str, pattern: str) -> dict[str, Any] | None:
    """Return the first match: its `text`, `groups` in order and `named` ones; null for none."""
    found = _compiled(pattern, text).search(text)
    if found is None:
        return None
    return {"text": found[0], "groups": list(found.groups()), "named": found.groupdict()}


def regex_findall(text: str, pattern: str) -> list[Any]:
    """Return every match; if the pattern has groups, their contents."""
    compiled = _compiled(pattern, text)
    found: list[Any] = []
    for match in compiled.finditer(text):
        _count(len(found), text)
        groups = match.groups()
        found.append(list(groups) if len(groups) > 1 else groups[0] if groups else match[0])
    return found


def regex_sub(text: str, pattern: str, replacement: str) -> str:
    r"""Return a text with another in the place of each match; `\1` stands for a group."""
    import re2

    compiled = _compiled(pattern, text)
    for count, _ in enumerate(compiled.finditer(text)):
        _count(count, text)
    try:
        return str(compiled.sub(replacement, text))
    except (re2.error, IndexError) as wrong:
        raise ValueError(f"the replacement cannot be used: {_reason(wrong)}") from None


def regex_split(text: str, pattern: str, limit: int = 0) -> list[str | None]:
    """Return the parts of a text between matches, at most `limit` splits."""
    if limit < 0:
        raise ValueError("limit must be 0 or more; 0 has no limit")
    compiled = _compiled(pattern, text)
    for count, _ in enumerate(compiled.finditer(text)):
        _count(count, text)
    return list(compiled.split(text, min(limit, len(text) + 1)))  # there are no more matches


def matches(text: str, pattern: str) -> bool:
    """Return whether a text has a match."""
    return _compiled(pattern, text).search(text) is not None


def b64encode(text: str, url: bool = False) -> str:
    """Return the base64 of a text's UTF-8, in the URL-safe alphabet if `url`."""
    raw = text.encode()
    return (base64.urlsafe_b64encode(raw) if url else base64.b64encode(raw)).decode()


def b64decode(text: str) -> str:
    """Return the text from base64 of its UTF-8, in either alphabet."""
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        raise ValueError("the text is not base64") from None
    return _text_of(raw)


def to_hex(text: str) -> str:
    """Return the hexadecimal digits of a text's UTF-8."""
    return text.encode().hex()


def from_hex(text: str) -> str:
    """Return the text from the hexadecimal digits of its UTF-8."""
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raise ValueError("the text is not pairs of hexadecimal digits") from None
    return _text_of(raw)


def urlencode(value: Any) -> str:
    """Return a text, or the pairs of an object, encoded for an address.

    An entry that is a list gives a pair for each item, and one that is null gives none.
    """
    if isinstance(value, dict):
        pairs = [
            f"{quote(str(key))}={quote(str(text_part(item)))}"
            for key, held in dict.items(value)
            for item in (plain_items(held) if isinstance(held, list) else [held])
            if item is not None
        ]
        return "&".join(pairs)
    if value is None or isinstance(value, list | tuple):
        raise ValueError(f"urlencode takes a text or an object, not {kind_of(value)}")
    return quote(str(text_part(value)))


def urldecode(text: str) -> str:
    """Return the decoded form of a part of an address."""
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("the encoded bytes are not UTF-8 text") from None


def urlsplit(text: str) -> dict[str, Any]:
    """Return the parts of an address; `query` has a text for each name, or a list if repeated."""
    try:
        parts = split_address(text)
        port = parts.port
    except ValueError:
        raise ValueError("the text is not an address: its host or its port is not valid") from None
    try:
        query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        message = f"the query of an address may have {_MOST_PARAMETERS:,} parameters at most"
        raise ValueError(message) from None
    return {
        "scheme": parts.scheme, "username": parts.username, "host": parts.hostname,
        "port": port, "path": parts.path, "fragment": parts.fragment,
        "query": {name: item if len(item) > 1 else item[0] for name, item in query.items()},
    }  # fmt: skip


def hmac(text: str, key: str, algorithm: str = "sha256", encoding: str = "hex") -> str:
    """Return the HMAC of a text's UTF-8, in hexadecimal digits or base64."""
    if algorithm not in _ALGORITHMS or encoding not in ("hex", "base64"):
        reason = f"algorithm must be one of {', '.join(_ALGORITHMS)}, and encoding hex or base64"
        raise ValueError(reason)
    digest = signing.digest(key.encode(), text.encode(), algorithm)
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def sha256(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=256)
def _program(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.max_mem, options.log_errors = _MEMORY, False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as wrong:
        raise ValueError(f"the pattern cannot be used: {_reason(wrong)}") from None


def _compiled(pattern: str, text: str) -> Any:
    if not isinstance(text, str) or not isinstance(pattern, str):
        raise ValueError("a pattern is a text, and looks through a text")  # noqa: TRY004
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"a pattern may have {_LONGEST_PATTERN} characters at most")
    program = _program(pattern)
    if len(text) * program.programsize > _MOST_WORK:
        raise ValueError("it takes too many operations: the text is too long for this pattern")
    return program


def _count(matched: int, text: str) -> None:
    if matched * len(text) > _MOST_LOOKS:
        raise ValueError("it takes too many operations: the pattern matches too often")


def _reason(wrong: Exception) -> str:
    reason = wrong.args[0] if wrong.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _text_of(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError("the encoded bytes are not UTF-8 text") from None


TEXT_FILTERS: tuple[Callable[..., Any], ...] = (
    regex_match, regex_findall, regex_sub, regex_split, b64encode, b64decode, to_hex,
    from_hex, urlencode, urldecode, urlsplit, hmac, sha256,
)  # fmt: skip
"""The filters that `steps/language/filters/offered.py` offers from this file."""
