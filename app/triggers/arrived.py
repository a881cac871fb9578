"""A request to a trigger's address: as received, as expressions see it, and as stored."""

import re
from functools import partial
from urllib.parse import parse_qsl

from app.concurrency.offload import LONG_BYTES, offload
from app.files.media_types import media_type_of
from app.files.uploads import Upload
from app.wire.forms.form import multipart_form, urlencoded_form
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_text import parse_json
from engine import Json, JsonObject, iso_time
from engine.value import value
from journal import ArrivedRequest
from steps.http.charset import charset_of, looks_like_text, marked, text_of
from steps.http.response_body import body_kind

_HIDDEN = "***"
_SECRETIVE = re.compile(r"authorization|cookie|token|secret|password|api-?key|signature")
_MOST_PARAMETERS = 200
WHOLE = "body"
"""The field name of a body that is a file: neither JSON, nor a form, nor text."""


@value(frozen=True, slots=True)
class Arrived:
    """A request as received.

    Attributes:
        id: The id given to the request.
        query: The part of the address after the `?`.
        headers: Header fields by lower-case name; of several with one name, the first.
        repeated: The names of headers that occur more than once.
        replay_of: The id of the request that a user asked to repeat; None for a received one.
    """

    id: str
    at_ms: int
    method: str
    query: str
    headers: dict[str, str]
    repeated: frozenset[str]
    body: bytes
    replay_of: str | None = None

    @property
    def content_type(self) -> str:
        """The declared type of the body, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def shown_headers(self, hidden: frozenset[str]) -> dict[str, str]:
        """Return the headers without credentials."""
        return {
            name: _HIDDEN if name in hidden or _SECRETIVE.search(name) else value
            for name, value in self.headers.items()
        }

    def kept(self, hidden: frozenset[str], query: str, body: bytes | None) -> ArrivedRequest:
        """Return the request as it is stored, with secrets removed from its query and body."""
        headers = self.shown_headers(hidden)
        return ArrivedRequest(self.method, query, headers, len(self.body), body)


@value(frozen=True, slots=True)
class Content:
    """The decoded body of a request.

    Attributes:
        value: JSON, the fields of a form, or a text; null if the body is a file.
        uploads: The files that came with it, by field.
    """

    value: Json
    uploads: dict[str, Upload]


async def content_of(arrived: Arrived, largest: int) -> Content:
    """Return the decoded body; its files may have `largest` bytes. Raises `BadRequest`."""
    work = partial(_content_of, arrived, largest)
    return work() if len(arrived.body) < LONG_BYTES else await offload(work)


def request_scope(
    arrived: Arrived, content: Content, files: JsonObject, hidden: frozenset[str]
) -> JsonObject:
    """Return the names that expressions may use: `request`."""
    return {
        "request": {
            "id": arrived.id,
            "at": iso_time(arrived.at_ms),
            "method": arrived.method,
            "query": _query(arrived.query),
            "headers": dict[str, Json](arrived.shown_headers(hidden)),
            "body": content.value,
            "files": files,
        }
    }


def described(uploads: dict[str, Upload]) -> JsonObject:
    """Return what expressions see of files that are not stored yet."""
    return {
        name: {
            "fileId": "",
            "fileName": upload.name,
            "mimeType": upload.media_type,
            "size": len(upload.content),
        }
        for name, upload in uploads.items()
    }


def _content_of(arrived: Arrived, largest: int) -> Content:
    kind, body = arrived.content_type, arrived.body
    if not body:
        return Content(None, {})
    if kind == "application/x-www-form-urlencoded":
        form = urlencoded_form(body, arrived.headers["content-type"])
        return Content(dict[str, Json](_plain(form.texts)), {})
    if kind == "multipart/form-data":
        content_type = arrived.headers["content-type"].encode("latin-1")
        form = multipart_form(content_type, body, largest)
        return Content(dict[str, Json](_plain(form.texts)), form.uploads)
    declared = arrived.headers.get("content-type", "")
    how = body_kind(declared)
    if how == "unknown" and looks_like_text(body):
        how = "json" if _may_be_json(body) else "text"
    if how == "json":
        # Senders may use integers beyond 2^53 and cannot be asked to change that.
        return Content(parse_json(_utf8(body, declared), exact_integers=False), {})
    if how == "text":
        return Content(text_of(body, declared), {})
    upload = Upload(WHOLE, media_type_of(WHOLE, body), body)
    return Content(None, {WHOLE: upload})


def _plain(texts: dict[str, str | list[str]]) -> JsonObject:
    return {name: [*text] if isinstance(text, list) else text for name, text in texts.items()}


def _may_be_json(body: bytes) -> bool:
    return body.lstrip()[:1] in (b"{", b"[")


def _utf8(body: bytes, content_type: str) -> bytes:
    """Return JSON in UTF-8, whatever charset it arrived in."""
    is_plain = charset_of(content_type) in (None, "utf_8") and not marked(body)
    return body if is_plain else text_of(body, content_type).encode()


def _query(query: str) -> JsonObject:
    """Return the parameters of a query; a repeated one becomes a list."""
    found: JsonObject = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError as wrong:
        raise BadRequest(f"the query has more than {_MOST_PARAMETERS} parameters") from wrong
    for name, text in pairs:
        earlier = found.get(name)
        if earlier is None:
            found[name] = text
        elif isinstance(earlier, list):
            earlier.append(text)
        else:
            found[name] = [earlier, text]
    return found
