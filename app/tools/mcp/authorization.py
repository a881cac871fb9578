"""How an authorization server of MCP is found and asked, by the rules of the MCP library.

Imported when somebody signs in or tokens are fetched, and not before (see `sign_ins`).
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx2
from mcp.client.auth import OAuthFlowError, PKCEParameters
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
    extract_scope_from_www_auth,
    get_client_metadata_scopes,
    validate_metadata_issuer,
)
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from mcp.shared.auth_utils import check_resource_allowed, resource_url_from_server_url
from pydantic import AnyUrl, BaseModel, ValidationError

from app.settings.mcp import McpSignIn, resolved
from app.tools.mcp.grants import RefreshRefused, Registration, SignInFailed, Tokens, Way
from steps.contract.step_type import ResponseUnreadable, StepBroke
from steps.effects.http_messages import HttpRequest, HttpResponse

M = TypeVar("M", bound=BaseModel)
Send = Callable[[HttpRequest], Awaitable[HttpResponse]]

_PATIENCE_S = 20.0
_LONGEST_BYTES = 200_000
_LONGEST_TOKEN = 16_384
_LONGEST_S = 366 * 86_400
_OK, _CREATED, _UNAUTHORIZED, _TOO_MANY, _SERVER_ERRORS = 200, 201, 401, 429, 500
_GRANTS = ["authorization_code", "refresh_token"]
_METHODS = (None, "none", "client_secret_basic", "client_secret_post")
_CODE = re.compile(r"[a-z_]{1,40}")
_FIRST = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "stepwell", "version": "1"},
    },
}


class Authorization:
    """What is asked for the sake of one MCP server."""

    def __init__(self, url: str, settings: McpSignIn, send: Send) -> None:
        self._url = url
        self._settings = settings
        self._send = send

    async def find(self, redirect_uri: str, known: Registration | None) -> Way:
        """Return where somebody signs in, with the `known` registration where it still fits.

        Raises `SignInFailed`.
        """
        challenge = await self._challenge()
        resource = await self._resource(challenge)
        issuer = None if resource is None else str(resource.authorization_servers[0])
        server = await self._server(issuer)
        scope = self._settings.scope or get_client_metadata_scopes(
            extract_scope_from_www_auth(challenge), resource, server, _GRANTS
        )
        registration = self._configured(str(server.issuer), redirect_uri)
        if registration is None and known is not None:
            fits = (known.issuer, known.redirect_uri) == (str(server.issuer), redirect_uri)
            registration = known if fits else None
        if registration is None:
            registration = await self._register(server, redirect_uri, scope)
        return Way(
            registration=registration,
            authorize=self._address(server.authorization_endpoint),
            token=self._address(server.token_endpoint),
            revoke=self._address(server.revocation_endpoint)
            if server.revocation_endpoint
            else None,
            resource=str(resource.resource)
            if resource is not None
            else resource_url_from_server_url(self._url),
            scope=scope,
            names_itself=bool(server.authorization_response_iss_parameter_supported),
        )

    async def _challenge(self) -> httpx2.Response:
        """Return how the server answers one who shows no token."""
        headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
        }
        answer = await self._ask(
            HttpRequest(
                "POST", self._url, headers=headers, content=json.dumps(_FIRST).encode(),
                take="nothing", follow_redirects=False, timeout_s=_PATIENCE_S,
            )
        )  # fmt: skip
        return httpx2.Response(answer.status, headers=dict(answer.headers))

    async def _resource(self, challenge: httpx2.Response) -> ProtectedResourceMetadata | None:
        """Return what the server publishes of itself (RFC 9728); None where it does not."""
        named = None
        if challenge.status_code == _UNAUTHORIZED:
            named = extract_resource_metadata_from_www_auth(challenge)
        for url in build_protected_resource_metadata_discovery_urls(named, self._url):
            found = await self._published(url, ProtectedResourceMetadata)
            if found is None:
                continue
            own = resource_url_from_server_url(self._url)
            if not check_resource_allowed(own, str(found.resource)):
                message = f"it says of itself that it is {str(found.resource)[:200]}"
                raise SignInFailed(f"{message}, which is not the url of the settings")
            return found
        return None

    async def _server(self, issuer: str | None) -> OAuthMetadata:
        """Return what the authorization server publishes (RFC 8414)."""
        for url in build_oauth_authorization_server_metadata_discovery_urls(issuer, self._url):
            found = await self._published(url, OAuthMetadata)
            if found is None:
                continue
            try:
                validate_metadata_issuer(found, issuer or str(found.issuer))
            except OAuthFlowError as other:
                raise SignInFailed(str(other)[:500]) from other
            if "S256" not in (found.code_challenge_methods_supported or ()):
                raise SignInFailed("its authorization server does not say that it takes PKCE, S256")
            return found
        raise SignInFailed("it publishes no authorization server at which people sign in")

    async def _published(self, url: str, model: type[M]) -> M | None:
        answer = await self._ask(
            HttpRequest(
                "GET", self._address(url), headers={"Accept": "application/json"},
                follow_redirects=False, max_response_bytes=_LONGEST_BYTES, timeout_s=_PATIENCE_S,
            )
        )  # fmt: skip
        if answer.status == _TOO_MANY or answer.status >= _SERVER_ERRORS:
            raise SignInFailed(f"{_host(url)} answered with status {answer.status}; try again")
        if answer.status != _OK:
            return None
        try:
            return model.model_validate_json(answer.content)
        except ValidationError:
            return None

    def _configured(self, issuer: str, redirect_uri: str) -> Registration | None:
        given = self._settings
        if given.client_id is None:
            return None
        named = resolved({"clientId": given.client_id, "clientSecret": given.client_secret or ""})
        secret = named["clientSecret"] or None
        method = "none" if secret is None else "client_secret_basic"
        if secret is not None and given.in_body:
            method = "client_secret_post"
        return Registration(issuer, redirect_uri, named["clientId"], secret, method)

    async def _register(
        self, server: OAuthMetadata, redirect_uri: str, scope: str | None
    ) -> Registration:
        """Register this server (RFC 7591)."""
        if server.registration_endpoint is None:
            raise SignInFailed(
                "its authorization server registers nobody by itself: register Stepwell there, "
                f"with the redirect address {redirect_uri}, and give the clientId in signIn"
            )
        wanted = OAuthClientMetadata(
            redirect_uris=[AnyUrl(redirect_uri)], client_name="Stepwell", scope=scope,
            grant_types=list(_GRANTS), application_type="web",
            token_endpoint_auth_method=_method(server),
        )  # fmt: skip
        document = wanted.model_dump(by_alias=True, mode="json", exclude_none=True)
        url = self._address(server.registration_endpoint)
        answer = await self._ask(
            HttpRequest(
                "POST", url, content=json.dumps(document).encode(), confidential=True,
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                follow_redirects=False, max_response_bytes=_LONGEST_BYTES, timeout_s=_PATIENCE_S,
            )
        )  # fmt: skip
        if answer.status not in (_OK, _CREATED):
            raise SignInFailed(f"{_host(url)} does not register Stepwell: {_refusal(answer)}")
        try:
            made = OAuthClientInformationFull.model_validate_json(answer.content)
        except ValidationError:
            raise SignInFailed(f"{_host(url)} registers Stepwell without a client id") from None
        method = made.token_endpoint_auth_method
        is_secret = method not in (None, "none")
        if method not in _METHODS or (is_secret and made.client_secret is None):
            raise SignInFailed(f"{_host(url)} wants a way to authenticate that is not known here")
        if method is None:
            method = "none" if made.client_secret is None else "client_secret_basic"
        return Registration(
            str(server.issuer), redirect_uri, made.client_id, made.client_secret, method
        )

    async def exchange(self, way: Way, code: str, verifier: str, now_ms: int) -> Tokens:
        """Return the tokens that a code is for. Raises `SignInFailed`."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": way.registration.redirect_uri,
            "code_verifier": verifier,
            "resource": way.resource,
        }
        answer = await self._ask(_form(way.registration, way.token, form))
        if answer.status not in (_OK, _CREATED):
            raise SignInFailed(f"{_host(way.token)} takes the code for none: {_refusal(answer)}")
        return _read(answer, way, None, now_ms)

    async def refresh(self, tokens: Tokens, now_ms: int) -> Tokens:
        """Return new tokens in the place of these.

        Raises:
            RefreshRefused: None are given any more.
            SignInFailed: None were given now.
        """
        way = tokens.way
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens.refresh or "",
            "resource": way.resource,
        }
        answer = await self._ask(_form(way.registration, way.token, form))
        if answer.status == _TOO_MANY or answer.status >= _SERVER_ERRORS:
            raise SignInFailed(f"{_host(way.token)} answered with status {answer.status}")
        if answer.status != _OK:
            raise RefreshRefused(_refusal(answer))
        return _read(answer, way, tokens.refresh, now_ms)

    async def revoke(self, tokens: Tokens) -> None:
        """Revoke the tokens where the server says how (RFC 7009). Raises `SignInFailed`."""
        way = tokens.way
        if way.revoke is None:
            return
        for kind, token in (("refresh_token", tokens.refresh), ("access_token", tokens.access)):
            if token is None:
                continue
            # Without a value it counts as left out (RFC 6749, 3.1); some servers want it there.
            form = {"token": token, "token_type_hint": kind, "client_secret": ""}
            answer = await self._ask(_form(way.registration, way.revoke, form))
            if answer.status != _OK:
                raise SignInFailed(f"{_host(way.revoke)} does not revoke: {_refusal(answer)}")

    def _address(self, url: object) -> str:
        """Return an address that may be asked: over HTTPS, as that of the server is."""
        address = str(url)
        parts = urlsplit(address)
        if parts.scheme not in ("https", urlsplit(self._url).scheme) or "@" in parts.netloc:
            raise SignInFailed(f"it names {_host(address)}, which is not an https address")
        return address

    async def _ask(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._send(request)
        except (StepBroke, ResponseUnreadable) as away:
            raise SignInFailed(f"{_host(request.url)} cannot be asked: {away}"[:500]) from away


def begun() -> tuple[str, str]:
    """Return a new verifier and its challenge (PKCE, S256)."""
    made = PKCEParameters.generate()
    return made.code_verifier, made.code_challenge


def address_of(way: Way, state: str, challenge: str) -> str:
    """Return the address at which somebody signs in."""
    asked = {
        "response_type": "code",
        "client_id": way.registration.client_id,
        "redirect_uri": way.registration.redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": way.resource,
    }
    if way.scope:
        asked["scope"] = way.scope
        if "offline_access" in way.scope.split():
            asked["prompt"] = "consent"
    return f"{way.authorize}{'&' if '?' in way.authorize else '?'}{urlencode(asked)}"


def _method(server: OAuthMetadata) -> Any:
    """Return how this server would show who it is, of the ways that are taken."""
    taken = server.token_endpoint_auth_methods_supported or ["client_secret_basic"]
    return next((one for one in ("none", "client_secret_basic", "client_secret_post")
                 if one in taken), "none")  # fmt: skip


def _form(by: Registration, url: str, form: dict[str, str]) -> HttpRequest:
    headers = {"Accept": "application/json"}
    if by.method == "client_secret_basic" and by.client_secret is not None:
        pair = f"{quote(by.client_id, safe='')}:{quote(by.client_secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    form = {**form, "client_id": by.client_id}
    if by.method == "client_secret_post" and by.client_secret is not None:
        form["client_secret"] = by.client_secret
    return HttpRequest(
        "POST", url, headers=headers, form=form, confidential=True, follow_redirects=False,
        max_response_bytes=_LONGEST_BYTES, timeout_s=_PATIENCE_S,
    )  # fmt: skip


def _read(answer: HttpResponse, way: Way, refresh: str | None, now_ms: int) -> Tokens:
    """Return the tokens of an answer; where it has no new one to refresh by, `refresh` stays."""
    try:
        given = OAuthToken.model_validate_json(answer.content)
    except ValidationError:
        given = None
    if given is None or not _is_token(given.access_token):
        raise SignInFailed(f"{_host(way.token)} gave no bearer token")
    if given.refresh_token and _is_token(given.refresh_token):
        refresh = given.refresh_token
    until_ms = None
    if given.expires_in is not None:
        until_ms = now_ms + max(0, min(given.expires_in, _LONGEST_S)) * 1_000
    return Tokens(way, given.access_token, refresh, until_ms)


def _is_token(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_TOKEN and text.isascii() and text.isprintable()


def _refusal(answer: HttpResponse) -> str:
    """Return how a request was refused, without what the answer may repeat of it."""
    try:
        body: Any = json.loads(answer.content)
    except (ValueError, RecursionError):
        body = None
    code = body.get("error") if isinstance(body, dict) else None
    known = f"; {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
    return f"status {answer.status}{known}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2][:200]
