"""OAuth 2.0 tokens for the requests of steps, by client credentials; kept in memory only.

Steps that need the same token share one fetch, which continues if one of them is stopped. A token
is used until shortly before it expires, or until a server refuses it.
"""

import asyncio
import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from app.clock import Clock
from app.outbound.http_client import HttpClient
from engine.value import value
from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpRequest, HttpResponse
from steps.effects.outgoing import TokenRequest

_MOST_DIGITS = 11
_MOST_TOKENS = 1_000
_LONGEST_TOKEN = 16_384
_UNKNOWN_S = 300
"""How long a token without a stated lifetime is used, in seconds."""
_EARLY_S = 30
_PATIENCE_S = 30.0
_LONGEST_S = 366 * 86_400
_TOO_MANY, _SERVER_ERRORS = 429, 500


@value(frozen=True, slots=True)
class _Token:
    text: str
    until_ms: float


class OAuthTokens:
    """The tokens of all tenants."""

    def __init__(
        self, client: HttpClient, clock: Clock, conceal: Callable[[str, str], None]
    ) -> None:
        """Fetch with `client`; call `conceal` with each new token (tenant, text), to mask it."""
        self._client = client
        self._clock = clock
        self._conceal = conceal
        self._tokens: OrderedDict[tuple[str, str], _Token] = OrderedDict()
        self._fetches: dict[tuple[str, str], asyncio.Task[_Token]] = {}

    async def token(self, tenant: str, wanted: TokenRequest, refused: str | None) -> str:
        """Return a token other than the `refused` one.

        Raises:
            StepBroke: `TokenRefused`: the token server gives none.
        """
        key = (tenant, _name_of(wanted))
        kept = self._tokens.get(key)
        if kept is not None and kept.text != refused and self._clock.now_ms() < kept.until_ms:
            self._tokens.move_to_end(key)
            return kept.text
        fetch = self._fetches.get(key)
        if fetch is None:
            fetch = asyncio.create_task(self._fetch(key, wanted))
            self._fetches[key] = fetch
            fetch.add_done_callback(lambda done: self._fetched(key, done))
        return (await asyncio.shield(fetch)).text

    def _fetched(self, key: tuple[str, str], done: asyncio.Task[_Token]) -> None:
        self._fetches.pop(key, None)
        if not done.cancelled():
            done.exception()  # those that waited have it

    async def _fetch(self, key: tuple[str, str], wanted: TokenRequest) -> _Token:
        tenant = key[0]
        self._tokens.pop(key, None)
        response = await self._client.send(_request(wanted), tenant)
        text, lasts_s = _read(response)
        self._conceal(tenant, text)
        lasts_ms = max(lasts_s - min(_EARLY_S, lasts_s / 2), 0) * 1_000
        token = _Token(text, self._clock.now_ms() + lasts_ms)
        self._tokens[key] = token
        while len(self._tokens) > _MOST_TOKENS:
            self._tokens.popitem(last=False)
        return token


def _name_of(wanted: TokenRequest) -> str:
    """Return a name for the requested token, without the secret in it."""
    parts = [wanted.url, wanted.client_id, wanted.client_secret, wanted.scope, wanted.audience]
    return hashlib.sha256(json.dumps([*parts, wanted.in_body]).encode()).hexdigest()


def _request(wanted: TokenRequest) -> HttpRequest:
    form = {"grant_type": "client_credentials"}
    headers = {"Accept": "application/json"}
    if wanted.scope:
        form["scope"] = wanted.scope
    if wanted.audience:
        form["audience"] = wanted.audience
    if wanted.in_body:
        form |= {"client_id": wanted.client_id, "client_secret": wanted.client_secret}
    else:
        pair = f"{quote(wanted.client_id, safe='')}:{quote(wanted.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return HttpRequest(
        "POST", wanted.url, headers=headers, form=form, confidential=True,
        max_response_bytes=100_000, timeout_s=_PATIENCE_S,
    )  # fmt: skip


def _read(response: HttpResponse) -> tuple[str, float]:
    """Return the token in an answer, and for how many seconds it may be used."""
    try:
        body: Any = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    given = body if isinstance(body, dict) else {}
    if response.status != 200:  # noqa: PLR2004 - the one that RFC 6749 names
        reasons = [given[key] for key in ("error", "error_description") if key in given]
        why = "".join(f"; {str(item)[:200]}" for item in reasons)
        raise StepBroke(
            "TokenRefused",
            f"the token server answered with status {response.status}{why}",
            retryable=response.status == _TOO_MANY or response.status >= _SERVER_ERRORS,
        )
    token, kind = given.get("access_token"), str(given.get("token_type", "bearer"))
    usable = isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN and token.isascii()
    if not usable or not str(token).isprintable() or kind.lower() != "bearer":
        message = "the token server gave no bearer token as `access_token`"
        raise StepBroke("TokenRefused", message, retryable=False)
    lasts_s = given.get("expires_in", _UNKNOWN_S)
    if isinstance(lasts_s, str) and lasts_s.isdecimal() and len(lasts_s) <= _MOST_DIGITS:
        lasts_s = int(lasts_s)
    if isinstance(lasts_s, bool) or not isinstance(lasts_s, int | float) or not lasts_s >= 0:
        lasts_s = _UNKNOWN_S
    return str(token), min(lasts_s, _LONGEST_S)
