"""call-api: send one HTTP request."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from pydantic import Field

from engine import Json, JsonObject
from steps.contract import (
    Done,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.effects import (
    Effects,
    HttpRequest,
    HttpResponse,
)
from steps.http_auth import Auth
from steps.retry_after import retry_after_ms
from steps.secrets import secret_scope
from steps.strict_json import parse_strictly
from steps.template import SecretTemplate, Template

_RETRYABLE = frozenset({408, 425, 429})
_BODIES = ("body", "form", "multipart", "file", "text")
_EXCERPT = 300


class CallApiSettings(StepSettings):
    """The request, and which answers are good."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        "GET", description="the request's method"
    )
    url: SecretTemplate = Field(description="the address, with http:// or https://")
    headers: dict[str, SecretTemplate] = Field(
        {}, description="headers; one that is given takes the place of one that is set by itself"
    )
    query: dict[str, SecretTemplate] = Field(
        {}, description="what is added to the address; a list gives its name several times"
    )
    body: SecretTemplate | None = Field(None, description="a body that is sent as JSON")
    form: dict[str, SecretTemplate] | None = Field(
        None, description="a body of form fields (application/x-www-form-urlencoded)"
    )
    multipart: dict[str, SecretTemplate] | None = Field(
        None,
        description="a body of parts (multipart/form-data), each a text, or an uploaded file "
        'as `{"file": "its id"}`',
    )
    file: Template | None = Field(
        None, description="the id of an uploaded file, whose bytes are the body"
    )
    text: SecretTemplate | None = Field(None, description="a body of plain text")
    auth: Auth | None = Field(None, description="who sends the request, by one of three ways")
    expectedStatus: list[int | Literal["1xx", "2xx", "3xx", "4xx", "5xx"]] = Field(  # noqa: N815
        ["2xx"], min_length=1, description="statuses with which the step completes"
    )
    maxResponseBytes: int = Field(  # noqa: N815
        1_000_000, ge=0, le=10_000_000, description="the longest body that is taken"
    )
    followRedirects: bool = Field(  # noqa: N815
        True, description="whether redirects are followed, at most five"
    )


class CallApi(StepType[CallApiSettings]):
    """Sends one HTTP request and gives the answer.

    At most one of `body`, `form`, `multipart`, `file` and `text` may be given. Each request
    carries an `Idempotency-Key` that is the same for every attempt of the visit, also after a
    restart; the other side should honour it.

    Its output is `status`, `headers` (with names in lower case) and `body`, which `output`
    values name as `response`. JSON is read, text stays text, anything else is base64 and has
    `"encoding": "base64"` beside it. An empty body is null.

    Addresses that are not public are refused unless the setting `allowed_networks` names their
    network; this holds for redirects too.
    """

    type = "call-api"
    settings = CallApiSettings
    timeout_ms = 30_000
    errors = {
        "HttpStatus": "the answer's status is not expected; retried for 408, 425, 429 and 5xx, "
        "after `Retry-After` where the answer has it",
        "ConnectionFailed": "no connection, or one that broke; retried",
        "Timeout": "no answer in time; retried",
        "InvalidRequest": "the settings give no valid request",
        "InvalidResponse": "the answer says that it is JSON and is not",
        "ResponseTooLarge": "the answer is longer than `maxResponseBytes`",
        "TooManyRedirects": "the answer redirects more than five times",
        "RedirectRefused": "the server redirects to another origin, and the request carries a "
        "secret or `auth`",
        "AddressNotAllowed": "the address is not public, and no setting allows it",
        "FileNotFound": "there is no file with the id in `file` or `multipart`",
        "StorageUnavailable": "the storage of files is away; retried",
        "UnknownSecret": "there is no secret of a name that the settings name",
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
        """Ask for one body at most and an address that HTTP can reach."""
        bodies = [name for name in _BODIES if getattr(settings, name) is not None]
        if len(bodies) > 1:
            yield Problem(bodies[1], f"there is {bodies[0]} already; give one of them")
        url = settings.url.source
        if not isinstance(url, str) or not url.startswith(("http://", "https://", "{{")):
            yield Problem("url", "must be a text that begins with http:// or https://")

    async def execute(
        self, settings: CallApiSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Send the request and read the answer."""
        response = await effects.http(await _request(settings, step, effects))
        if not _is_expected(settings, response.status):
            raise _unexpected(response, effects.now_ms())
        shown: JsonObject = {
            "status": response.status,
            "headers": dict(response.headers),
            **_read(response),
        }
        return Done(shown, {"response": shown})


async def _request(settings: CallApiSettings, step: StepInput, effects: Effects) -> HttpRequest:
    secrets = await secret_scope(
        (
            settings.url, settings.headers, settings.query, settings.body,
            settings.form, settings.multipart, settings.text,
            settings.auth.templates() if settings.auth else None,
        ),
        effects,
    )  # fmt: skip
    step = replace(step, scope={**step.scope, "secrets": secrets})
    headers = {"Idempotency-Key": step.idempotency_key}
    for name, template in settings.headers.items():
        headers = {k: v for k, v in headers.items() if k.lower() != name.lower()}
        headers[name] = _text(template, step, f"headers.{name}")
    if settings.auth is not None:
        name, value = settings.auth.header(lambda item, setting: _text(item, step, setting))
        headers[name] = value
    for name, value in headers.items():
        if any(char in "\r\n\0" for char in name + value):
            raise _invalid(f"header {name} holds a line break")
    content, form, files = None, None, []
    if settings.body is not None:
        content = json.dumps(settings.body.render(step.scope), ensure_ascii=False).encode()
        headers.setdefault("Content-Type", "application/json")
    elif settings.text is not None:
        content = _text(settings.text, step, "text").encode()
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    elif settings.file is not None:
        stored = await effects.file(_text(settings.file, step, "file"))
        content = stored.content
        headers.setdefault("Content-Type", stored.media_type)
    elif settings.form is not None:
        form = {k: _text(item, step, f"form.{k}") for k, item in settings.form.items()}
    elif settings.multipart is not None:
        for name, item in settings.multipart.items():
            part = item.render(step.scope)
            if isinstance(part, dict) and set(part) == {"file"}:
                stored = await effects.file(str(part["file"]))
                files.append((name, stored.name, stored.content, stored.media_type))
            else:
                files.append((name, "", _plain(part, name).encode(), ""))
    return HttpRequest(
        method=settings.method,
        url=_text(settings.url, step, "url"),
        headers=headers,
        query=_query(settings, step),
        content=content,
        form=form,
        files=files,
        follow_redirects=settings.followRedirects,
        max_response_bytes=settings.maxResponseBytes,
        confidential=bool(secrets) or settings.auth is not None,
    )


def _query(settings: CallApiSettings, step: StepInput) -> list[tuple[str, str]]:
    pairs = []
    for name, template in settings.query.items():
        value = template.render(step.scope)
        for item in value if isinstance(value, list) else [value]:
            pairs.append((name, _plain(item, f"query.{name}")))  # noqa: PERF401 - reads better
    return pairs


def _text(template: Template, step: StepInput, setting: str) -> str:
    return _plain(template.render(step.scope), setting)


def _plain(value: Json, setting: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _invalid(f"{setting} must be a text, not {type(value).__name__}")


def _invalid(message: str) -> StepBroke:
    return StepBroke("InvalidRequest", message, retryable=False)


def _is_expected(settings: CallApiSettings, status: int) -> bool:
    return any(
        status == wanted if isinstance(wanted, int) else str(status)[0] == wanted[0]
        for wanted in settings.expectedStatus
    )


def _unexpected(response: HttpResponse, now_ms: int) -> StepBroke:
    excerpt = response.content[:_EXCERPT].decode("utf-8", "replace")
    return StepBroke(
        "HttpStatus",
        f"the answer has status {response.status}: {excerpt}",
        retryable=response.status in _RETRYABLE or response.status >= 500,  # noqa: PLR2004
        retry_after_ms=retry_after_ms(response.headers.get("retry-after"), now_ms),
    )


def _read(response: HttpResponse) -> JsonObject:
    """Return the body as JSON, as text, or as base64, by its content type."""
    kind, _, rest = response.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if not response.content:
        return {"body": None}
    if kind == "application/json" or kind.endswith("+json"):
        return {"body": _json(response.content)}
    if kind.startswith("text/") or kind in ("application/xml", "application/x-www-form-urlencoded"):
        charset = rest.partition("charset=")[2].strip(" \"';") or "utf-8"
        try:
            return {"body": response.content.decode(charset, "replace")}
        except LookupError:
            return {"body": response.content.decode("utf-8", "replace")}
    return {"body": base64.b64encode(response.content).decode(), "encoding": "base64"}


def _json(content: bytes) -> Json:
    try:
        return parse_strictly(content.decode())
    except ValueError as wrong:
        message = f"the answer says it is JSON and is not: {str(wrong)[:200]}"
        raise StepBroke("InvalidResponse", message, retryable=False) from wrong
