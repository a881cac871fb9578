"""Builds the HTTP request that the settings of call-api describe."""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import urlencode

from engine import Json, scope_with
from steps.contract.step_type import StepBroke, StepInput
from steps.effects.effects import Effects
from steps.effects.http_messages import HttpRequest, Take
from steps.http.auth import Auth, OAuth2Auth
from steps.http.charset import charset_of
from steps.http.request_settings import CallApiSettings
from steps.language.beside import beside_if_long
from steps.language.template import SecretTemplate, Template, as_text
from steps.secrets import secret_scope

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UTF8 = "utf_8"
_TYPES: dict[type, str] = {type(None): "null", list: "a list", dict: "an object"}

_TAKE: dict[str, Take] = {"base64": "as-sent", "none": "nothing"}

Part: TypeAlias = tuple[str, str, bytes, str]


async def request_of(
    settings: CallApiSettings, step: StepInput, effects: Effects, refused: str | None = None
) -> HttpRequest:
    """Return the request of one attempt, with a new token if one was `refused`.

    Raises:
        StepBroke: `InvalidRequest`: the settings give no valid request; or a secret or file does
            not exist.
        ExpressionError: An expression could not be evaluated.
    """
    secrets = await secret_scope(
        (
            settings.url, settings.headers, settings.query, settings.body,
            settings.form, settings.multipart, settings.text,
            settings.auth.templates() if settings.auth else None,
        ),
        effects,
    )  # fmt: skip
    step = replace(step, scope=scope_with(step.scope, {"secrets": secrets}))
    headers = _Headers("Idempotency-Key", step.idempotency_key)
    for name, template in settings.headers.items():
        headers.set(name, await _text(template, step, f"headers.{name}"))
    if settings.auth is not None:
        name, value = await _authorization(settings.auth, step, effects, refused)
        headers.set(name, value)
    if settings.responseType == "base64":
        headers.setdefault("Accept-Encoding", "identity")
    body = await _body(settings, step, effects, headers)
    return HttpRequest(
        method=settings.method,
        url=(await _text(settings.url, step, "url")).strip(),
        query=await _pairs(settings.query, step, "query"),
        **body,
        headers=_checked(headers.all()),
        follow_redirects=settings.followRedirects,
        max_response_bytes=settings.longest_body,
        confidential=bool(secrets) or settings.auth is not None,
        take=_TAKE.get(settings.responseType, "unpacked"),
    )


async def _authorization(
    auth: Auth, step: StepInput, effects: Effects, refused: str | None
) -> tuple[str, str]:
    """Return the header that authenticates the request."""

    def text(item: SecretTemplate, setting: str) -> str:
        return _plain(item.render(step.scope), setting)

    if isinstance(auth, OAuth2Auth):
        return "Authorization", f"Bearer {await effects.token(auth.request(text), refused)}"
    return auth.header(text)


class _Headers:
    """Headers by case-insensitive name; the last one that is set wins."""

    def __init__(self, name: str, value: str) -> None:
        self._found = {name.lower(): (name, value)}

    def set(self, name: str, value: str) -> None:
        """Set a header in place of one with that name, at the end of the list."""
        self._found.pop(name.lower(), None)
        self._found[name.lower()] = (name, value)

    def setdefault(self, name: str, value: str) -> None:
        """Set a header unless it exists."""
        self._found.setdefault(name.lower(), (name, value))

    def drop(self, name: str) -> None:
        """Remove a header, so that the one for the body is used."""
        self._found.pop(name.lower(), None)

    @property
    def content_type(self) -> str:
        """The declared type of the body, "" if there is none."""
        return self._found.get("content-type", ("", ""))[1]

    def all(self) -> dict[str, str]:
        """Return all headers with their original names."""
        return dict(self._found.values())


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers as they are sent. Raises `StepBroke` if one cannot be sent."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise _invalid(f"headers: {name[:80]!r} is not a header name")
        if not value.isascii():
            raise _invalid(
                f"header {name} has characters beyond ASCII, which each receiver reads in another "
                "way; encode them as yours wants them"
            )
        if not value.replace("\t", " ").isprintable():
            raise _invalid(f"header {name} holds a line break or another control character")
    return {name: value.strip(" \t") for name, value in headers.items()}


async def _body(
    settings: CallApiSettings, step: StepInput, effects: Effects, headers: _Headers
) -> dict[str, Any]:
    """Return the fields of the request that form its body, and set its content type."""
    if settings.body is not None:
        headers.setdefault("Content-Type", "application/json")
        value = await settings.body.rendered(step.scope)
        write = partial(_as_json, value, headers.content_type)
        return {"content": await beside_if_long(value, write)}
    if settings.text is not None:
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return {"content": _encoded(await _text(settings.text, step, "text"), headers.content_type)}
    if settings.file is not None:
        stored = await effects.file(await _text(settings.file, step, "file"))
        headers.setdefault("Content-Type", stored.media_type)
        return {"content": stored.content}
    if settings.form is not None:
        return _form(await _pairs(settings.form, step, "form"), headers.content_type)
    if settings.multipart is not None:
        _fit_for_parts(headers)
        return {"files": [part async for part in _parts(settings.multipart, step, effects)]}
    return {}


def _as_json(value: Json, content_type: str) -> bytes:
    """Return JSON in the charset of its content type, with escapes for other characters."""
    codec = _charset(content_type)
    return json.dumps(value, ensure_ascii=codec != _UTF8).encode(codec)


def _form(pairs: list[tuple[str, str]], content_type: str) -> dict[str, Any]:
    """Return the fields of a request with a form in the charset of its content type."""
    codec = _charset(content_type)
    if codec != _UTF8:
        _encoded("".join(map("".join, pairs)), content_type, "form")
        return {"content": urlencode(pairs, encoding=codec).encode("ascii")}
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return {"form": form}


def _charset(content_type: str) -> str:
    return charset_of(content_type, exact=True) or _UTF8


def _encoded(text: str, content_type: str, setting: str = "text") -> bytes:
    """Return a text in the charset of its content type. Raises `StepBroke`."""
    try:
        return text.encode(_charset(content_type))
    except UnicodeEncodeError as odd:
        what = ascii(text[odd.start : odd.start + 1])
        raise _invalid(
            f"{setting}: the charset of the Content-Type has no character {what}"
        ) from odd


def _fit_for_parts(headers: _Headers) -> None:
    """Leave the content type of a multipart body to its writer, unless a boundary is given."""
    kind, _, rest = headers.content_type.partition(";")
    if kind.strip().lower() not in ("", "multipart/form-data"):
        raise _invalid(f"multipart is sent as multipart/form-data, not as {kind[:80]}")
    if "boundary=" not in rest.lower():
        headers.drop("Content-Type")


async def _parts(
    multipart: Mapping[str, SecretTemplate], step: StepInput, effects: Effects
) -> AsyncIterator[Part]:
    for name, template in multipart.items():
        for value in _each(await template.rendered(step.scope)):
            if isinstance(value, dict) and set(value) == {"file"}:
                stored = await effects.file(as_text(value["file"]))
                yield name, stored.name, stored.content, stored.media_type
            else:
                yield name, "", _plain(value, f"multipart.{name}").encode(), ""


async def _pairs(
    templates: Mapping[str, SecretTemplate], step: StepInput, setting: str
) -> list[tuple[str, str]]:
    """Return names and texts; a list repeats its name, and null leaves it out."""
    return [
        (name, _plain(value, f"{setting}.{name}"))
        for name, template in templates.items()
        for value in _each(await template.rendered(step.scope))
    ]


def _each(value: Json) -> Iterator[Json]:
    for item in value if isinstance(value, list) else [value]:
        if item is not None:
            yield item


async def _text(template: Template, step: StepInput, setting: str) -> str:
    return _plain(await template.rendered(step.scope), setting)


def _plain(value: Json, setting: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _invalid(f"{setting} must be a text, a number or a boolean, not {_TYPES[type(value)]}")


def _invalid(message: str) -> StepBroke:
    return StepBroke("InvalidRequest", message, retryable=False)
