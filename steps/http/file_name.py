"""The name of the file that a response is stored as."""

import re
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from steps.effects.http_messages import HttpResponse
from steps.http.charset_names import codec_named

_NOT_IN_FILE_NAMES = re.compile(r"[/\\\x00-\x1f\x7f]")
_LONGEST = 200
_LONGEST_ENDING = 20
_LONGEST_HEADER = 4_000
_EXTENDED = re.compile(r";\s*filename\*\s*=\s*\"?([\w.:-]+)'[^']*'([^;\"]*)", re.IGNORECASE)
_QUOTED = re.compile(r';\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_BARE = re.compile(r";\s*filename\s*=\s*([^;\"]+)", re.IGNORECASE)
_ESCAPE = re.compile(r"\\([\"\\])")


def file_name(url: str, response: HttpResponse) -> str:
    """Return the name that a response gives its content, else the last part of the address."""
    disposition = response.headers.get("content-disposition", "")[:_LONGEST_HEADER]
    given = re.split(r"[/\\]", _given(disposition))[-1]
    for name in (given, unquote(urlsplit(url).path.rpartition("/")[2])):
        if name.strip(" ."):
            return as_file_name(name)
    return "download"


def as_file_name(name: str) -> str:
    """Return a name that is no path and not too long; the ending of a long one is kept."""
    name = _NOT_IN_FILE_NAMES.sub("_", name)
    if len(name) <= _LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > _LONGEST_ENDING:
        return name[:_LONGEST]
    return f"{stem[: _LONGEST - len(dot + ending)]}{dot}{ending}"


def _given(disposition: str) -> str:
    """Return the name in a `Content-Disposition` (RFC 6266), "" without one."""
    if found := _EXTENDED.search(disposition):
        return unquote_to_bytes(found[2].strip()).decode(
            codec_named(found[1]) or "utf-8", "replace"
        )
    if found := _QUOTED.search(disposition):
        return _decoded(_ESCAPE.sub(r"\1", found[1]))
    found = _BARE.search(disposition)
    return _decoded(found[1].strip()) if found else ""


def _decoded(name: str) -> str:
    """Return a name that some servers write as in mail (RFC 2047), which browsers read too."""
    if not (name.startswith("=?") and name.endswith("?=")):
        return name
    from email.header import decode_header, make_header  # noqa: PLC0415 - rarely needed

    try:
        return str(make_header(decode_header(name)))
    except (LookupError, ValueError):
        return name
