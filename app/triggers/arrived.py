"""A request that came to a trigger's address: as it was, as expressions see it, as it is kept."""

import re
from functools import partial
from urllib.parse import parse_qsl

from app.concurrency.offload import LONG_BYTES, offload
from app.files.media_types import media_type_of
from app.files.uploads import Upload
from app.wire.errors import BadRequest
from app.wire.form import multipart_form, urlencoded_form
from app.wire.json_text import parse_json
from engine import Json, JsonObject, iso_time
from engine.value import value
from journal import ArrivedRequest
from steps.http.charset import charset_of, looks_like_text, marked, text_of
from steps.http.response_body import body_kind

_HIDDEN = "***"
_SECRETIVE = re.compile(r"authorization|cookie|token|secret|password|api-?key|signature")
_MOST_PARAMETERS = 200
WHOLE = "body"
"""The file that a body is which is neither JSON, nor a form, nor text."""


@value(frozen=True, slots=True)
class Arrived:
    """A request as it came.

    Attributes:
        id: What it is called from now on.
        query: What stands behind the `?` of its address.
        headers: Header fields by name in small letters; of several of a name the first.
        repeated: The names of those that are there more than once.
        replay_of: The request that it repeats at somebody's wish; None for one that came.
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
        """What its body is said to be, in small letters and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def shown_headers(self, hidden: frozenset[str]) -> dict[str, str]:
        """Return its headers without what would let others in."""
        return {
            name: _HIDDEN if name in hidden or _SECRETIVE.search(name) else value
            for name, value in self.headers.items()
        }

    def kept(self, hidden: frozenset[str], query: str, body: bytes | None) -> ArrivedRequest:
        """Return it as it is kept, with a query and a body that hold no secret."""
        headers = self.shown_headers(hidden)
        return ArrivedRequest(self.method, query, headers, len(self.body), body)


@value(frozen=True, slots=True)
class Content:
    """What the body of a request is.

    Attributes:
        value: JSON, the fields of a form, or a text; null where it is a file.
        uploads: The files that came with it, by field.
    """

    value: Json
    uploads: dict[str, Upload]


async def content_of(arrived: Arrived, largest: int) -> Content:
    """Return what a body is, its files `largest` bytes at most. Raises `BadRequest`."""
    work = partial(_content_of, arrived, largest)
    return work() if len(arrived.body) < LONG_BYTES else await offload(work)


def request_scope(
    arrived: Arrived, content: Content, files: JsonObject, hidden: frozenset[str]
) -> JsonObject:
    """Return what expressions may name: `request`."""
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
    told = arrived.headers.get("content-type", "")
    how = body_kind(told)
    if how == "unknown" and looks_like_text(body):
        how = "json" if _may_be_json(body) else "text"
    if how == "json":
        # Its sender may write integers that not every reader keeps, and cannot be told not to.
        return Content(parse_json(_utf8(body, told), exact_integers=False), {})
    if how == "text":
        return Content(text_of(body, told), {})
    upload = Upload(WHOLE, media_type_of(WHOLE, body), body)
    return Content(None, {WHOLE: upload})


def _plain(texts: dict[str, str | list[str]]) -> JsonObject:
    return {name: [*text] if isinstance(text, list) else text for name, text in texts.items()}


def _may_be_json(body: bytes) -> bool:
    return body.lstrip()[:1] in (b"{", b"[")


def _utf8(body: bytes, content_type: str) -> bytes:
    """Return JSON in UTF-8, in whatever characters it came."""
    is_plain = charset_of(content_type) in (None, "utf_8") and not marked(body)
    return body if is_plain else text_of(body, content_type).encode()


def _query(query: str) -> JsonObject:
    """Return the parameters of a query; one that is there several times has a list."""
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
