"""call-api: send one HTTP request."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from engine import Json, JsonObject
from steps.contract.step_type import (
    Done,
    Outcome,
    Problem,
    ResponseUnreadable,
    StepBroke,
    StepInput,
    StepType,
)
from steps.effects.effects import Effects
from steps.effects.http_messages import HttpRequest, HttpResponse
from steps.http.auth import OAuth2Auth
from steps.http.charset import text_of
from steps.http.file_name import as_file_name, file_name
from steps.http.request import request_of
from steps.http.request_settings import MOST_TAKEN, CallApiSettings
from steps.http.response_body import body_kind, read_body
from steps.http.retry_after import retry_after_ms
from steps.language.beside import beside
from steps.language.template import as_text

_RETRYABLE = frozenset({408, 425, 429})
_BODIES = ("body", "form", "multipart", "file", "text")
_EXCERPT = 300
_LONG_BYTES = 32_768
"""From this length on, a body is read beside the event loop."""

_LONGEST_SHOWN = 4_000
_REFUSED = 401
_REDIRECTS = (301, 302, 303, 307, 308)


class CallApi(StepType[CallApiSettings]):
    """Sends one HTTP request and returns the response.

    At most one of `body`, `form`, `multipart`, `file` and `text` may be given. Each request carries
    an `Idempotency-Key` that is the same for every attempt of the visit, also after a restart; the
    other side should honour it.

    Its output is `status`, `headers` (with names in lower case; several of one name are joined by
    commas, cookies by line breaks) and `body`, which `output` values name as `response`. JSON is
    parsed, in any charset. Text (also XML, CSV, YAML, NDJSON and forms) becomes text without a byte
    order mark. Anything else is base64, with `"encoding": "base64"` beside it. A response without a
    content type, of several parts (`multipart/...`) or of a vendor's type for JSON that does not
    end in `+json` is parsed if it is a JSON object or list, is text if it reads as text, and is
    base64 otherwise. An empty body is null, and so is a body of blanks that is declared to be JSON.
    Compressed responses (gzip, deflate) are decompressed, except for `base64`; a response with
    another compression, which is never requested, is base64 as received.

    A GET, HEAD or OPTIONS request is sent again at once if the server closes the idle connection
    on which it was sent; any other request fails then, with `ConnectionFailed`.

    Addresses that are not public are refused unless the setting `allowed_networks` names their
    network; this applies to redirects too.
    """

    type = "call-api"
    settings = CallApiSettings
    built_in = True
    own_errors = False
    timeout_ms = 30_000
    errors = {
        "HttpStatus": "the answer's status is not expected; retried for 408, 425, 429 and 5xx, "
        "after `Retry-After` where the answer has it",
        "ConnectionFailed": "no connection, or one that broke; retried",
        "Timeout": "no answer in time; retried",
        "InvalidRequest": "the settings do not give a valid request",
        "InvalidResponse": "the answer says that it is JSON or compressed, and is not, or is "
        "broken off; the message says what came, and `responseType` how to take it as it is",
        "ResponseTooLarge": "the answer is longer than `maxResponseBytes`",
        "TooManyRedirects": "the answer redirects more than five times",
        "RedirectRefused": "the server redirects to another origin, and the request carries a "
        "secret or `auth`",
        "AddressNotAllowed": "the address is not public, and no setting allows it",
        "FileNotFound": "there is no file with the id in `file` or `multipart`",
        "StorageUnavailable": "the file storage is unavailable; retried",
        "TokenRefused": "the server of `auth.tokenUrl` gives no token; retried for 429 and 5xx",
        "UnknownSecret": "the settings name a secret that does not exist",
    }
    example = {
        "id": "order",
        "type": "call-api",
        "method": "POST",
        "url": "https://shop.example.com/orders",
        "auth": {"type": "bearer", "token": "{{ secrets.SHOP_TOKEN }}"},
        "body": {"customer": "{{ data.customerName }}", "lines": "{{ data.lines }}"},
        "expectedStatus": [200, 201],
        "output": {"orderId": {"type": "string", "value": "{{ response.body.id }}"}},
        "retry": {"maxAttempts": 5},
    }

    def check(
        self, settings: CallApiSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Refuse a second body, and an address that HTTP cannot reach."""
        bodies = [name for name in _BODIES if getattr(settings, name) is not None]
        if len(bodies) > 1:
            yield Problem(bodies[1], f"there is {bodies[0]} already; give one of them")
        if settings.fileName is not None and settings.saveAs is None:
            yield Problem("fileName", 'has no effect without "saveAs": "file"')
        if settings.saveAs is not None and settings.responseType != "auto":
            yield Problem("responseType", "has no effect on a body that is kept as a file")
        if settings.saveAs is None and settings.longest_body > MOST_TAKEN:
            most = f"{MOST_TAKEN:,}"
            yield Problem(
                "maxResponseBytes", f'must be {most} at most; larger ones go to a file by "saveAs"'
            )
        url = settings.url.source
        begins = url.strip().lower() if isinstance(url, str) else ""
        if not begins.startswith(("http://", "https://", "{{")):
            yield Problem("url", "must be a text that begins with http:// or https://")

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse settings for a body that does not come, or is not read."""
        if document.get("method") == "HEAD":
            bodies = ("responseType", "saveAs", "maxResponseBytes")
            return {**self.unused, **dict.fromkeys(bodies, "an answer to HEAD has no body")}
        if document.get("responseType") == "none":
            return {**self.unused, "maxResponseBytes": "with `responseType: none` no body is read"}
        return self.unused

    async def execute(
        self, settings: CallApiSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Send the request and read the response."""
        name = await _file_name(settings, step)
        request = await request_of(settings, step, effects)
        response = await _sent(settings, request, name, effects)
        if response.status == _REFUSED and isinstance(settings.auth, OAuth2Auth):
            refused = request.headers["Authorization"].removeprefix("Bearer ")
            request = await request_of(settings, step, effects, refused)
            response = await _sent(settings, request, name, effects)
        if not _is_expected(settings, response.status):
            raise _unexpected(response, effects.now_ms())
        shown: JsonObject = {
            "status": response.status,
            "headers": dict(response.headers),
        }
        if response.file is None:
            read = partial(read_body, response, settings.responseType)
            shown |= await beside(read) if len(response.content) > _LONG_BYTES else read()
        else:
            shown["file"] = {
                "fileId": response.file.file_id,
                "fileName": _name_of(name, request, response),
                "mimeType": response.media_type,
                "size": response.file.size,
            }
        return Done(shown, {"response": shown})


async def _sent(
    settings: CallApiSettings, request: HttpRequest, name: str, effects: Effects
) -> HttpResponse:
    try:
        if settings.saveAs is None:
            return await effects.http(request)
        is_good = partial(_is_expected, settings)
        return await effects.download(request, partial(_name_of, name, request), is_good)
    except ResponseUnreadable as broke:
        packed, wanted = broke.response.is_packed, settings.responseType
        can_be_given = packed and wanted == "auto" and settings.saveAs is None
        if _is_expected(settings, broke.response.status) and not can_be_given:
            raise
        return broke.response  # the status matters more than the unreadable body


async def _file_name(settings: CallApiSettings, step: StepInput) -> str:
    """Return the file name that the settings give, empty if they give none."""
    name = await settings.fileName.rendered(step.scope) if settings.fileName else None
    return "" if name is None else as_file_name(as_text(name))


def _name_of(given: str, request: HttpRequest, response: HttpResponse) -> str:
    return given if given.strip(" .") else file_name(request.url, response)


def _is_expected(settings: CallApiSettings, status: int) -> bool:
    return any(
        status == wanted if isinstance(wanted, int) else str(status)[0] == wanted[0]
        for wanted in settings.expectedStatus
    )


def _unexpected(response: HttpResponse, now_ms: int) -> StepBroke:
    content_type = response.headers.get("content-type", "")
    is_shown = not response.is_packed and body_kind(content_type) != "base64"
    content = response.content[: 4 * _EXCERPT] if is_shown else b""
    excerpt = text_of(content, content_type)[:_EXCERPT].strip()
    if not excerpt and response.status in _REDIRECTS and "location" not in response.headers:
        excerpt = "it says that the answer is elsewhere, and not where (no Location)"
    broke = StepBroke(
        "HttpStatus",
        f"the answer has status {response.status}" + (f": {excerpt}" if excerpt else ""),
        retryable=response.status in _RETRYABLE or response.status >= 500,  # noqa: PLR2004
        retry_after_ms=retry_after_ms(response.headers.get("retry-after"), now_ms),
    )
    body = _body_shown(response, content_type)
    broke.error = replace(broke.error, status=response.status, body=body)
    return broke


def _body_shown(response: HttpResponse, content_type: str) -> Json:
    """Return the body of an unexpected response, or its beginning if it is long."""
    content = response.content
    if len(content) <= _LONGEST_SHOWN:
        with suppress(StepBroke):
            read = read_body(response, "auto")
            return None if "encoding" in read else read["body"]
    return text_of(content[: 4 * _LONGEST_SHOWN], content_type)[:_LONGEST_SHOWN]
