"""Identity providers: what they publish, which person their claims mean, and sign-in by code.

What a provider publishes is fetched when it is first needed, and again once an hour. It is also
fetched when a token names a key that is not known, but at most every five seconds, however many
such tokens come.
"""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from app.auth.errors import ProviderUnavailable, Unauthorized
from app.auth.people import MOST_GROUPS, Known, UnfitPerson, fit_groups, fit_name
from app.auth.roles import Role
from app.auth.signing_keys import BadIdentity, SigningKey, UnknownSigner, keys_of, read_identity
from app.auth.unverified_token import MalformedToken, read_unverified
from app.clock import Clock
from app.outbound.http_client import HttpClient
from app.settings.identity import TENANT, IdentityProviderSettings, claim_of
from app.telemetry import log
from engine.value import value
from steps.contract.step_type import ResponseUnreadable, StepBroke
from steps.effects.http_messages import HttpRequest

_FRESH_MS = 3_600_000
_USABLE_MS = 86_400_000
"""How long published data may be used while the provider cannot be reached."""

_LEAST_BETWEEN_MS = 5_000
_PATIENCE_S = 10.0
_LONGEST_BYTES = 500_000
_OK = 200


class KeysWanted(Unauthorized):
    """A token can only be read after its provider has been asked for its keys."""

    def __init__(self, provider: "Provider") -> None:
        self.provider = provider
        super().__init__()


class ProviderAway(Exception):
    """A provider does not answer, or its answer is not valid."""


class NotLetIn(Exception):
    """A provider knows the person, but this server does not let them in."""


@value(frozen=True, slots=True)
class Published:
    """What a provider publishes about itself, and its keys."""

    document: Mapping[str, Any]
    keys: list[SigningKey]
    at_ms: int


@value(frozen=True, slots=True)
class Attempt:
    """A sign-in that has begun: what the browser keeps until it comes back."""

    provider: str
    state: str
    nonce: str
    verifier: str
    back: str


class Provider:
    """One identity provider."""

    def __init__(
        self,
        name: str,
        settings: IdentityProviderSettings,
        client: HttpClient,
        clock: Clock,
        fetched: Callable[[], None],
    ) -> None:
        """Take its settings; `fetched` is called whenever its keys have been fetched."""
        self.name = name
        self.settings = settings
        self._fetched = fetched
        self._client = client
        self._clock = clock
        self._published: Published | None = None
        self._asked_ms: int | None = None
        self._asking: asyncio.Task[None] | None = None

    @property
    def title(self) -> str:
        """The name that people see."""
        return self.settings.title or urlsplit(self.settings.issuer).hostname or self.name

    @property
    def audience(self) -> str:
        """What `aud` of an API token must contain."""
        return self.settings.audience or self.settings.clientId

    def known(self, token: str) -> tuple[Known, dict[str, Any]]:
        """Return the person an API token is for, and its claims.

        Raises:
            KeysWanted: The provider's keys have to be fetched first.
            ProviderUnavailable: They could not be fetched a moment ago.
            Unauthorized: The token is not valid.
        """
        published = self._usable()
        try:
            claims = read_identity(token, published.keys, self.settings.issuer, self.audience)
            return self.means(claims), claims
        except UnknownSigner:
            if self._may_ask:
                raise KeysWanted(self) from None
            raise Unauthorized from None
        except (BadIdentity, NotLetIn):
            raise Unauthorized from None

    def _usable(self) -> Published:
        now_ms, published = self._clock.now_ms(), self._published
        if published is None or now_ms - published.at_ms > _USABLE_MS:
            raise KeysWanted(self) if self._may_ask else ProviderUnavailable(self.title)
        if now_ms - published.at_ms > _FRESH_MS and self._may_ask:
            self._ask()  # the old data will do meanwhile
        return published

    @property
    def _may_ask(self) -> bool:
        asked_ms = self._asked_ms
        if self._asking is not None or asked_ms is None:
            return True
        return not 0 <= self._clock.now_ms() - asked_ms < _LEAST_BETWEEN_MS

    def _ask(self) -> asyncio.Task[None]:
        if self._asking is None:
            self._asked_ms = self._clock.now_ms()
            self._asking = asyncio.create_task(self._fetch())
            self._asking.add_done_callback(self._asked)
        return self._asking

    def _asked(self, done: asyncio.Task[None]) -> None:
        self._asking = None
        if not done.cancelled() and (failed := done.exception()) is not None:
            log.provider_away(self.name, str(failed))

    async def refresh(self) -> None:
        """Fetch what the provider publishes; callers that wait share one fetch.

        Raises `ProviderUnavailable` without any keys, and `Unauthorized` with older ones.
        """
        try:
            await asyncio.shield(self._ask())
        except ProviderAway:
            if self._published is None:
                raise ProviderUnavailable(self.title) from None
            raise Unauthorized from None

    async def published(self) -> Published:
        """Return what the provider publishes, fetched if it is not fresh. Raises `ProviderAway`."""
        known = self._published
        if known is None or self._clock.now_ms() - known.at_ms > _FRESH_MS:
            await asyncio.shield(self._ask())
        if self._published is None:
            raise ProviderAway(f"{self.title} does not say who it is")
        return self._published

    async def _fetch(self) -> None:
        issuer = self.settings.issuer
        document = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise ProviderAway(f"it says that it is {str(document.get('issuer'))[:200]}")
        jwks = await self._get(self._address(document, "jwks_uri"))
        keys = keys_of(jwks, self.settings.algorithms)
        if not keys:
            raise ProviderAway("it publishes no key that can be used")
        self._published = Published(document, keys, self._clock.now_ms())
        self._fetched()

    async def _get(self, url: str) -> dict[str, Any]:
        status, found = await self._send(
            HttpRequest(
                "GET", url, headers={"Accept": "application/json"}, follow_redirects=False,
                max_response_bytes=_LONGEST_BYTES, timeout_s=_PATIENCE_S,
            )
        )  # fmt: skip
        if status != _OK:
            raise ProviderAway(f"{url} answers with status {status}")
        return found

    async def _send(self, request: HttpRequest) -> tuple[int, dict[str, Any]]:
        try:
            answer = await self._client.send(request)
            found = json.loads(answer.content)
        except (StepBroke, ResponseUnreadable) as away:
            raise ProviderAway(str(away)) from away
        except (ValueError, RecursionError) as wrong:
            raise ProviderAway(f"{request.url} answers with something other than JSON") from wrong
        return answer.status, found if isinstance(found, dict) else {}

    def _address(self, document: Mapping[str, Any], name: str) -> str:
        """Return an address that the provider names, which may need to be HTTPS.

        It must use HTTPS if the provider's own address does.
        """
        address = document.get(name)
        scheme = urlsplit(self.settings.issuer).scheme
        if not isinstance(address, str) or urlsplit(address).scheme not in ("https", scheme):
            raise ProviderAway(f"its {name} is not an address with {scheme}")
        return address

    def means(self, claims: dict[str, Any]) -> Known:
        """Return the person that claims describe. Raises `NotLetIn`."""
        settings, subject = self.settings, f"{self.settings.issuer} {claims['sub']}"
        groups = _texts(claim_of(claims, settings.groupsClaim)) if settings.groupsClaim else []
        wanted = [settings.nameClaim] if settings.nameClaim else ["preferred_username", "email"]
        names = (claim_of(claims, name) for name in wanted)
        name = next((item for item in names if isinstance(item, str) and item), claims["sub"])
        try:
            kept = tuple(fit_groups(groups[:MOST_GROUPS]))
            return Known(self._tenant(claims), subject, fit_name(name), self._role(claims), kept)
        except UnfitPerson as unfit:
            raise NotLetIn(str(unfit)) from unfit

    def _tenant(self, claims: dict[str, Any]) -> str:
        settings = self.settings
        if settings.tenant is not None:
            return settings.tenant
        said = claim_of(claims, settings.tenantClaim or "")
        tenant = settings.tenants.get(said) if settings.tenants and isinstance(said, str) else said
        if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
            raise NotLetIn(f"{settings.tenantClaim} names no tenant")
        return tenant

    def _role(self, claims: dict[str, Any]) -> Role:
        settings = self.settings
        said = _texts(claim_of(claims, settings.roleClaim)) if settings.roleClaim else []
        found = [Role(settings.roles[item]) for item in said if item in settings.roles]
        if settings.defaultRole is not None:
            found.append(Role(settings.defaultRole))
        highest = next((role for role in Role if role in found), None)
        if highest is None:
            raise NotLetIn(f"{settings.roleClaim} gives no role")
        return highest

    async def begin(self, redirect_uri: str, back: str) -> tuple[str, Attempt]:
        """Return the address for somebody to sign in at, and what their browser keeps.

        Raises `ProviderAway`.
        """
        document = (await self.published()).document
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        attempt = Attempt(self.name, state, nonce, verifier, back)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest())
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.settings.clientId,
                "redirect_uri": redirect_uri,
                "scope": " ".join(self.settings.scopes),
                "state": attempt.state,
                "nonce": attempt.nonce,
                "code_challenge": challenge.decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        )
        address = self._address(document, "authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{query}", attempt

    async def complete(self, attempt: Attempt, code: str, redirect_uri: str) -> Known:
        """Return the person who has signed in. Raises `ProviderAway`, `NotLetIn`."""
        published = await self.published()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "client_id": self.settings.clientId,
            "code_verifier": attempt.verifier,
        }
        headers = {"Accept": "application/json"}
        try:
            secret = self.settings.client_secret
        except ValueError as unset:
            raise ProviderAway(str(unset)) from unset
        if secret is not None and _takes_secret_in_form(published.document):
            form["client_secret"] = secret
        elif secret is not None:
            pair = f"{quote(self.settings.clientId, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
            del form["client_id"]
        status, found = await self._send(
            HttpRequest(
                "POST", self._address(published.document, "token_endpoint"), headers=headers,
                form=form, confidential=True, follow_redirects=False,
                max_response_bytes=_LONGEST_BYTES, timeout_s=_PATIENCE_S,
            )
        )  # fmt: skip
        token = found.get("id_token")
        if status != _OK or not isinstance(token, str):
            raise NotLetIn(f"{self.title} does not accept the code: {_fault(status, found)}")
        return self.means(await self._claims(token, attempt.nonce))

    async def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token. Raises `NotLetIn`."""
        issuer, client = self.settings.issuer, self.settings.clientId
        try:
            try:
                claims = read_identity(token, (await self.published()).keys, issuer, client)
            except UnknownSigner:
                await asyncio.shield(self._ask())
                claims = read_identity(token, (await self.published()).keys, issuer, client)
        except BadIdentity as bad:
            raise NotLetIn(f"{self.title} gave a token that does not count ({bad})") from bad
        party = claims.get("azp", client)
        has_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("nonce") != nonce or party != client or (has_others and "azp" not in claims):
            raise NotLetIn(f"{self.title} gave a token for something else")
        return claims


class Providers:
    """All providers, by name.

    Attributes:
        on_fetch: Called whenever the keys of one have been fetched.
    """

    def __init__(
        self, settings: Mapping[str, IdentityProviderSettings], client: HttpClient, clock: Clock
    ) -> None:
        self.on_fetch: Callable[[], None] = lambda: None
        self.all = {
            name: Provider(name, item, client, clock, self._fetched)
            for name, item in sorted(settings.items())
        }

    def _fetched(self) -> None:
        self.on_fetch()

    def of_token(self, token: str) -> Provider | None:
        """Return the provider whose issuer and audience a token names, or None.

        If no provider has this audience, one with the issuer is returned, which refuses the token.
        """
        if not self.all:
            return None
        claims = _unchecked_claims(token)
        audience = _texts(claims.get("aud"))
        same = [one for one in self.all.values() if one.settings.issuer == claims.get("iss")]
        meant = (one for one in same if one.audience in audience)
        return next(meant, same[0] if same else None)


def _unchecked_claims(token: str) -> dict[str, Any]:
    """Return the claims that a token makes, without checking them; none where it has no JSON."""
    try:
        return read_unverified(token)[1]
    except MalformedToken:
        return {}


def _takes_secret_in_form(document: Mapping[str, Any]) -> bool:
    """Say whether a client's secret belongs in the form: where the header is not in the list."""
    methods = document.get("token_endpoint_auth_methods_supported")
    listed = methods if isinstance(methods, list) else []
    return "client_secret_post" in listed and "client_secret_basic" not in listed


def _fault(status: int, answer: Mapping[str, Any]) -> str:
    """Return in the provider's words why it gives no token (RFC 6749, 5.2)."""
    said = [answer.get(name) for name in ("error", "error_description")]
    words = ", ".join(item[:200] for item in said if isinstance(item, str))
    return words or f"status {status} without an id_token"


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
