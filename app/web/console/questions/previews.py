"""Shows the files and e-mails of a question in a frame of its card, without active content.

Formats that a browser shows by itself and cannot run are sent unchanged: images and PDF. Everything
else becomes a page of text.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import EmailPolicy
from html.parser import HTMLParser
from itertools import islice
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from app.auth.roles import Role
from app.auth.sealed_token import LinkUnusable
from app.concurrency.offload import offload
from app.services import Services
from app.web.console.markdown import markdown
from app.web.console.page import Page, problem_page
from app.web.console.questions.pause_ids import numbers_of
from app.web.console.questions.shown_parts import PDF, PICTURES
from app.web.console.rendering import STATIC_VERSION, fragment
from app.web.endpoint import Call
from app.wire.parsing.errors import NotFoundHere
from engine import Run
from journal import UnknownRun, run_id

_MOST_DIGITS = 3
_TEXT_BYTES = 200_000
_MOST_ROWS = 500
_MOST_CELLS = 50
_HIDDEN = frozenset({"script", "style", "head", "title"})
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "blockquote"})
_MOST_LINES = 100_000
_MOST_NESTED = 20
_MOST_MARKS = 500
_MARK = re.compile(rb"^(?:--|content-type:)", re.IGNORECASE | re.MULTILINE)
_LONGEST_HEADER = 10_000
_LONGEST_OF_PARTS = 500
_TABLES = frozenset({"text/csv", "text/tab-separated-values"})
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; font-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


async def shown_file(call: Call) -> Response:
    """Show one file or e-mail of an open question, in a frame."""
    pause_id = call.path("pauseId")
    number, seq = numbers_of(pause_id)
    run = await call.services.runs.read(call.tenant, run_id(number))
    if run.pause is None or run.pause_seq != seq:
        raise NotFoundHere(f"pause {pause_id} is not open")
    return await _shown(call.services, call.tenant, run, call.path("number"))


async def linked_file(request: Request, services: Services) -> Response:
    """Show one file or e-mail of a linked question, in a frame."""
    try:
        link = services.links.read(request.path_params["token"])
        run = await services.runs.read(link.tenant, link.run_id)
        if not link.still_asks(run):
            raise NotFoundHere("this question is not open any more")
        return await _shown(services, link.tenant, run, request.path_params["number"])
    except (LinkUnusable, UnknownRun, NotFoundHere) as gone:
        return problem_page(request, services, gone)


async def _shown(services: Services, tenant: str, run: Run, number: str) -> Response:
    part = _part(run, number)
    if "fileId" not in part:
        content = str(part.get("value")).encode()
        return await _page(str(part.get("kind")), "", "E-mail", content)
    row, content = await services.files.read(tenant, str(part["fileId"]))
    kind = row.media_type.partition(";")[0].strip().lower()
    if kind in PICTURES or kind == PDF:
        named = f"inline; filename*=UTF-8''{quote(row.name, safe='')}"
        headers = {**_POLICY, "Content-Disposition": named}
        if kind == PDF:  # the PDF viewer of a browser is a page of its own
            headers["Content-Security-Policy"] = "frame-ancestors 'self'"
        return Response(content, media_type=kind, headers=headers)
    return await _page(str(part.get("kind")), kind, row.name, content)


def _part(run: Run, number: str) -> Mapping[str, Any]:
    listed = run.pause.body.get("show") if run.pause else None
    parts = listed if isinstance(listed, list) else []
    at = int(number) if number.isdecimal() and len(number) <= _MOST_DIGITS else len(parts)
    part = parts[at] if at < len(parts) else None
    if not isinstance(part, dict):
        raise NotFoundHere(f"nothing is shown as {number}")
    return part


async def _page(shown_as: str, media_type: str, name: str, content: bytes) -> Response:
    """Return the readable part of a file as a page; it is read in a thread."""
    preview = await offload(lambda: preview_of(shown_as, media_type, name, content))
    shown = fragment("preview.html", **preview, name=name, static=f"/static/{STATIC_VERSION}")
    return Response(shown, media_type="text/html", headers=dict(_POLICY))


def preview_of(shown_as: str, media_type: str, name: str, content: bytes) -> dict[str, Any]:
    """Return the template values of a file."""
    shown: dict[str, Any] = {"rows": [], "text": "", "html": "", "mail": None, "is_cut": False}
    is_mail = shown_as == "email" or media_type == "message/rfc822" or name.lower().endswith(".eml")
    if is_mail and (mail := _mail(content)) is not None:
        return {**shown, "mail": mail}
    shown["is_cut"] = len(content) > _TEXT_BYTES
    try:
        text = content[:_TEXT_BYTES].decode("utf-8-sig", "ignore" if shown["is_cut"] else "strict")
    except UnicodeDecodeError:
        text = "" if b"\0" in content[:_TEXT_BYTES] else content[:_TEXT_BYTES].decode("latin-1")
    if media_type in _TABLES:
        dialect = csv.excel_tab if media_type != "text/csv" else csv.excel
        rows = islice(csv.reader(io.StringIO(text, newline=""), dialect), _MOST_ROWS)
        return {**shown, "rows": [row[:_MOST_CELLS] for row in rows]}
    if media_type == "text/markdown":
        return {**shown, "html": markdown(text)}
    return {**shown, "text": text}


class _Short(EmailPolicy):
    """Reads headers up to a length, since the work of reading one grows with its square."""

    def header_source_parse(self, sourcelines: Sequence[str]) -> tuple[str, str]:
        name, value = super().header_source_parse([*sourcelines])
        most = _LONGEST_OF_PARTS if name.lower().startswith("content-") else _LONGEST_HEADER
        return name, value if len(value) <= most else f"{value[:most]}…"


def _mail(content: bytes) -> dict[str, Any] | None:
    """Return the template values of a mail; None if it is not a mail, or would take long."""
    nested = content.lower().count(b"multipart/")
    if content.count(b"\n") > _MOST_LINES or nested > _MOST_NESTED:
        return None
    if sum(1 for _ in islice(_MARK.finditer(content), _MOST_MARKS + 1)) > _MOST_MARKS:
        return None
    try:
        return _read_mail(content)
    except (MessageError, ValueError, LookupError, AttributeError, RecursionError):
        return None  # some malformed headers break the parser of the standard library


def _read_mail(content: bytes) -> dict[str, Any]:
    message = message_from_bytes(content, policy=_Short())
    assert isinstance(message, EmailMessage)  # noqa: S101 - what this policy makes
    heads = [(name, str(message.get(name, ""))) for name in ("From", "To", "Cc", "Date", "Subject")]
    body = message.get_body(("plain", "html"))
    text = ""
    if body is not None:
        text = str(body.get_content())
        if body.get_content_type() == "text/html":
            text = _without_tags(text)
    attached = message.iter_attachments()
    names = [str(one.get_filename() or one.get_content_type()) for one in attached]
    return {"heads": [one for one in heads if one[1]], "text": text[:_TEXT_BYTES], "files": names}


class _Text(HTMLParser):
    """The text of HTML, without hidden parts; each block on lines of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._hidden += tag in _HIDDEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _HIDDEN and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _without_tags(text: str) -> str:
    parser = _Text()
    parser.feed(text)
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


PAGES = (
    Page(
        "GET",
        "/inbox/shown/{pauseId}/{number}",
        Role.VIEWER,
        shown_file,
        "What a question shows",
    ),
)
