"""Reads the body of an HTTP response: JSON, text, or bytes as base64."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from engine import Json, JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpResponse
from steps.http.charset import charset_of, looks_like_text, marked, text_of
from steps.language.strict_json import parse_strictly

ResponseType: TypeAlias = Literal["auto", "json", "text", "base64", "none"]

_BINARY_KINDS = ("audio", "font", "image", "model", "video")
_BINARY_SUFFIXES = frozenset(
    {"ber", "cbor", "cwt", "der", "fastinfoset", "gzip", "sqlite3", "tlv", "wbxml", "zip", "zstd"}
)
_MEDIA_TYPE = re.compile(r"[^\s/\"'()<>@,;:\\\[\]?={}]+/[^\s/\"'()<>@,;:\\\[\]?={}]+")
_ONLY_BYTES_TELL = frozenset({"*", "unknown", "message", "multipart"})
_VERSION_OF_JSON = re.compile(r"[.-]json(-[\d.]+)?$")
"""The end of a vendor's type for JSON, such as `x-amz-json-1.1`."""

_LINES = frozenset({"application/stream+json"})
"""Media types with one JSON value in each line."""

_JSON_WORDS = frozenset({"json", "x-json", "json-rpc", "jsonrequest", "problem"})
_TEXT_WORDS = frozenset(
    {
        "atom", "csv", "jose", "mpegurl", "pgp", "quads", "triples",
        "ecmascript", "edifact", "edi", "feed", "graphql", "html", "ics",
        "ini", "javascript", "json", "jsonl", "jsonlines", "jsonnet", "json5", "jwt", "ldjson",
        "markdown", "ndjson", "pem", "plain", "properties", "rss", "rtf", "sh", "soap",
        "sparql", "sql", "svg", "tex", "text", "toml", "trig", "tsv", "typescript", "urlencoded",
        "vcard", "wsdl", "xhtml", "xml", "xsd", "xslt", "yaml", "yml", "dtd", "rdf", "turtle",
    }
)  # fmt: skip
_OF_OFFICES = ("vnd.oasis.", "vnd.openxmlformats", "vnd.ms-", "vnd.sun.")


def read_body(response: HttpResponse, wanted: ResponseType) -> JsonObject:
    """Return `body`, and `encoding` if it is base64.

    Raises:
        StepBroke: `InvalidResponse`: the body is declared or expected to be JSON, but is not.
    """
    content, content_type = response.content, response.headers.get("content-type", "")
    if not content or wanted == "none":
        return {"body": None}
    kind = body_kind(content_type) if wanted == "auto" else wanted
    if response.is_packed:
        kind = "base64"
    if kind == "unknown":
        kind = "text" if looks_like_text(content) else "base64"
        if kind == "text" and (found := _object(content)) is not None:
            return {"body": found}
    if kind == "json":
        return {"body": _json(response, content_type)}
    if kind == "text":
        return {"body": text_of(content, content_type)}
    return {"body": base64.b64encode(content).decode(), "encoding": "base64"}


def described(status: int, headers: Mapping[str, str], length: int | None = None) -> str:
    """Describe a response: its status, content type, and actual or declared length."""
    kind = headers.get("content-type") or "no content type"
    size = headers.get("content-length") if length is None else length
    return f"status {status}, {kind[:100]}" + (f", {str(size)[:20]} bytes" if size else "")


def body_kind(content_type: str) -> Literal["json", "text", "base64", "unknown"]:
    """Return how a body of this type is read; unknown if only its bytes can tell."""
    media = content_type.partition(";")[0].partition(",")[0].strip().lower()
    main, _, sub = media.partition("/")
    if _MEDIA_TYPE.fullmatch(media) is None or main in _ONLY_BYTES_TELL:
        return "unknown"
    if media in _LINES:
        return "text"
    sub, _, suffix = sub.rpartition("+") if "+" in sub else (sub, "", "")
    if suffix == "json" or (not suffix and sub in _JSON_WORDS and main in ("application", "text")):
        return "json"
    if suffix in _BINARY_SUFFIXES:
        return "base64"
    if not _TEXT_WORDS.isdisjoint(suffix.split("-")) or main == "text":
        return "text"
    if _VERSION_OF_JSON.search(sub):
        return "unknown"
    if main in _BINARY_KINDS or sub.startswith(_OF_OFFICES):
        return "base64"
    is_text = not _TEXT_WORDS.isdisjoint(re.split(r"[.\-_]", sub)) or charset_of(content_type)
    return "text" if is_text else "base64"


def _object(content: bytes) -> Json:
    """Return the object or list in bytes without a type, None if there is none."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in (b"{", b"["):
        return None
    try:
        return parse_strictly(text_of(content))
    except ValueError:
        return None


def _json(response: HttpResponse, content_type: str) -> Json:
    content = response.content
    if marked(content) is None and b"\0" in content[:4]:
        content_type = f"application/json; charset={json.detect_encoding(content)}"
    text = text_of(content, content_type)
    if not text.strip(" \t\r\n\ufeff"):
        return None
    try:
        return parse_strictly(text)
    except ValueError as wrong:
        description = described(response.status, response.headers, len(content))
        message = (
            f"the answer ({description}) is not JSON: {str(wrong)[:200]}; "
            "set responseType to text to take it as it is"
        )
        raise StepBroke("InvalidResponse", message, retryable=False) from wrong
