"""Who is signed in at which MCP server, for which tenant; the tokens are sealed in the journal.

One process fetches new tokens at a time, also where several share the journal: an authorization
server may take a refresh token that comes twice for a stolen one.
"""

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.auth.caller import Caller
from app.clock import Clock
from app.concurrency.first_come import ChangeCount
from app.concurrency.first_use import loaded
from app.outbound.http_client import HttpClient
from app.outbound.network import EVERYWHERE, Network
from app.outbound.way_out import WayOut
from app.secrets.seal import Keyring
from app.settings.mcp import McpServerSettings, VariableNotSet
from app.telemetry import log
from app.tools.mcp.grants import (
    Attempt,
    NotSignedIn,
    RefreshRefused,
    Registration,
    SignInFailed,
    Tokens,
)
from app.tools.mcp.link import McpUnavailable, SignInNeeded
from engine.value import value
from journal import ChangeNote, McpSignInRow, McpSignInTable, changing
from steps.effects.http_messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from app.tools.mcp.authorization import Authorization

CALLBACK = "/oauth/callback"
PAGE = "/settings/tools"
_KINDS = _CLIENT, _ATTEMPT, _TOKENS = "mcp client", "mcp sign-in", "mcp tokens"
_LASTS_MS = 600_000
_EARLY_MS = 60_000
_HELD_MS = 60_000
_LOOK_AGAIN_S = 0.2
_MOST_LOOKS = 400
_MOST_AT_ONCE = 8
_LONGEST_CODE = 4_096

Key = tuple[str, str]


class UnknownMcpServer(Exception):
    """The settings name no MCP server of that name at which people sign in."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the settings name no MCP server {name[:64]!r} with signIn")


@value(frozen=True, slots=True)
class SignedIn:
    """Who is signed in, since when."""

    who: str
    at_ms: int


@value(frozen=True, slots=True)
class Place:
    """Where this server is, and where it may go.

    Attributes:
        address: How people reach it.
        allowed: The networks that may be asked beside public ones, of all but the MCP server.
    """

    address: str
    allowed: Sequence[Network]
    way: WayOut


class SignIns:
    """The sign-ins of all tenants.

    Attributes:
        changed: Called when somebody has signed in or out.
    """

    def __init__(  # noqa: PLR0913 - what they are made of, each passed in
        self,
        servers: Mapping[str, McpServerSettings],
        table: McpSignInTable,
        keyring: Keyring,
        clock: Clock,
        conceal: Callable[[str, str], None],
        place: Place,
    ) -> None:
        """Take the servers at which people sign in; `conceal` hears of each token, to mask it."""
        self._servers = servers
        self._table = table
        self._keyring = keyring
        self._clock = clock
        self._conceal = conceal
        self._place = place
        self._named = HttpClient(EVERYWHERE, place.way, _MOST_AT_ONCE)
        self._others = HttpClient(place.allowed, place.way, _MOST_AT_ONCE)
        self._tokens: dict[Key, Tokens] = {}
        self._who: dict[Key, SignedIn] = {}
        self._fetches: dict[Key, asyncio.Task[str]] = {}
        self._changes = ChangeCount()
        self.changed: Callable[[], None] = lambda: None

    @property
    def page(self) -> str:
        """The page on which people sign in."""
        return f"{self._place.address}{PAGE}"

    async def load(self) -> None:
        """Take in what the journal has. Raises journal errors, `KeyUnusable`."""
        if not self._servers:
            return
        tokens: dict[Key, Tokens] = {}
        who: dict[Key, SignedIn] = {}
        for row in await self._changes.read_whole(self._table.all):
            if row.tokens is not None and row.server in self._servers:
                tokens[row.tenant, row.server] = self._opened(row)
                who[row.tenant, row.server] = SignedIn(row.who, row.at_ms)
        self._tokens, self._who = tokens, who
        self.changed()

    def all(self) -> Mapping[Key, SignedIn]:
        """Return who is signed in, by tenant and server."""
        return self._who

    async def begin(self, tenant: str, server: str, caller: Caller) -> str:
        """Return the address at which `caller` signs in, within ten minutes.

        Raises:
            UnknownMcpServer: There is none.
            SignInFailed: The server does not say where, or does not answer.
        """
        library = await self._library()
        authorization = self._authorization(library, tenant, server)
        row = await self._table.find(tenant, server)
        known = None
        if row is not None and row.client is not None:
            known = Registration.of(self._keyring.open(_CLIENT, tenant, server, row.client))
        redirect_uri = f"{self._place.address}{CALLBACK}"
        try:
            way = await authorization.find(redirect_uri, known)
        except VariableNotSet as unset:
            raise SignInFailed(str(unset)) from unset
        except SignInFailed as failed:
            raise SignInFailed(f"MCP server {server}: {failed}") from failed
        verifier, challenge = library.begun()
        state = f"{server}.{secrets.token_urlsafe(32)}"
        until_ms = self._clock.now_ms() + _LASTS_MS
        attempt = Attempt(way, _named(caller), state, verifier, until_ms)
        seal = self._keyring.seal
        await self._table.begin(
            tenant,
            server,
            seal(_CLIENT, tenant, server, way.registration.text()),
            seal(_ATTEMPT, tenant, server, attempt.text()),
        )
        address: str = library.address_of(way, state, challenge)
        return address

    async def complete(
        self, caller: Caller, server: str, state: str, code: str, issuer: str | None
    ) -> None:
        """Take the code that somebody came back with.

        Raises:
            UnknownMcpServer: There is none.
            SignInFailed: The caller has begun no such sign-in, or the code is none.
        """
        tenant = caller.tenant
        if server not in self._servers:
            raise UnknownMcpServer(server)
        row = await self._table.find(tenant, server)
        attempt = None
        if row is not None and row.attempt is not None:
            attempt = Attempt.of(self._keyring.open(_ATTEMPT, tenant, server, row.attempt))
        if (
            row is None
            or row.attempt is None
            or attempt is None
            or not hmac.compare_digest(attempt.state.encode(), state.encode())
            or attempt.caller != _named(caller)
            or attempt.until_ms <= self._clock.now_ms()
        ):
            raise SignInFailed("you have begun no such sign-in, or it took too long; begin again")
        if not await self._table.take(tenant, server, row.attempt):
            raise SignInFailed("this sign-in has ended already; begin again")
        expected = attempt.way.registration.issuer
        if issuer != expected if issuer is not None else attempt.way.names_itself:
            raise SignInFailed("another authorization server has led back here; begin again")
        if not 0 < len(code) <= _LONGEST_CODE:
            raise SignInFailed(f"MCP server {server} has not let you sign in")
        library = await self._library()
        authorization = self._authorization(library, tenant, server)
        now_ms = self._clock.now_ms()
        tokens = await authorization.exchange(attempt.way, code, attempt.verifier, now_ms)
        sealed = self._keyring.seal(_TOKENS, tenant, server, tokens.text())
        with changing(ChangeNote(tenant, now_ms, caller.name, "signInAtMcpServer", server)):
            await self._table.complete(tenant, server, sealed, caller.name, now_ms)
        self._changes.add()
        self._keep((tenant, server), tokens)
        self._who[tenant, server] = SignedIn(caller.name, now_ms)
        self.changed()

    async def sign_out(self, tenant: str, server: str) -> bool:
        """Forget the tokens, and say whether they were revoked where they were given.

        Raises `UnknownMcpServer`, `NotSignedIn`.
        """
        authorization = self._authorization(await self._library(), tenant, server)
        row = await self._table.find(tenant, server)
        if row is None or row.tokens is None:
            raise NotSignedIn(server)
        tokens = self._opened(row)
        if not await self._table.sign_out(tenant, server):
            raise NotSignedIn(server)
        self._forget((tenant, server))
        try:
            await authorization.revoke(tokens)
        except SignInFailed as failed:
            log.provider_away(server, f"tokens are not revoked: {failed}")
            return False
        return tokens.way.revoke is not None

    async def token(self, tenant: str, server: str, refused: str | None) -> str:
        """Return a token other than the `refused` one, a new one where the last expires soon.

        Raises `SignInNeeded`, and `McpUnavailable` where none is given now.
        """
        key = (tenant, server)
        kept = self._tokens.get(key)
        if kept is not None and kept.access != refused and self._is_fresh(kept):
            return kept.access
        fetch = self._fetches.get(key)
        if fetch is None:
            fetch = asyncio.create_task(self._fetch(key, refused))
            self._fetches[key] = fetch
            fetch.add_done_callback(partial(self._fetched, key))
        return await asyncio.shield(fetch)

    def needed(self, server: str) -> SignInNeeded:
        """Return the failure of a call while nobody is signed in."""
        return SignInNeeded(server, self.page)

    async def close(self) -> None:
        """Close the connections."""
        for fetch in list(self._fetches.values()):
            fetch.cancel()
        await asyncio.gather(*self._fetches.values(), return_exceptions=True)
        await self._named.close()
        await self._others.close()

    def _fetched(self, key: Key, done: asyncio.Task[str]) -> None:
        self._fetches.pop(key, None)
        if not done.cancelled():
            done.exception()  # those who waited have it

    async def _fetch(self, key: Key, refused: str | None) -> str:
        tenant, server = key
        find = partial(self._table.find, tenant, server)
        for _ in range(_MOST_LOOKS):
            row = await self._changes.read_whole(find)
            if row is None or row.tokens is None:
                self._forget(key)
                raise self.needed(server)
            tokens = self._opened(row)
            if tokens.access != refused and self._is_fresh(tokens):
                self._keep(key, tokens)
                return tokens.access
            now_ms = self._clock.now_ms()
            if await self._table.hold(row, now_ms, now_ms + _HELD_MS):
                return await self._refreshed(row, tokens, refused)
            await asyncio.sleep(_LOOK_AGAIN_S)
        raise McpUnavailable(server, "another process has not fetched a new token in time")

    async def _refreshed(self, row: McpSignInRow, tokens: Tokens, refused: str | None) -> str:
        """Fetch new tokens, as the only one who does."""
        key = (row.tenant, row.server)
        try:
            if tokens.refresh is None:
                raise RefreshRefused("it gave no refresh token")
            authorization = self._authorization(await self._library(), *key)
            new = await authorization.refresh(tokens, self._clock.now_ms())
        except RefreshRefused as over:
            log.sign_in_refused(row.server, f"no new tokens are given: {over}")
            await self._table.replace(row, None)
            self._forget(key)
            raise self.needed(row.server) from over
        except SignInFailed as failed:
            await self._table.release(row)
            now_ms = self._clock.now_ms()
            if tokens.access != refused and now_ms < (tokens.until_ms or now_ms):
                return tokens.access
            raise McpUnavailable(row.server, str(failed)) from failed
        sealed = self._keyring.seal(_TOKENS, *key, new.text())
        if not await self._table.replace(row, sealed):
            raise McpUnavailable(row.server, "somebody has signed in or out meanwhile")
        self._keep(key, new)
        return new.access

    def _is_fresh(self, tokens: Tokens) -> bool:
        if tokens.until_ms is None:
            return True
        left_ms = tokens.until_ms - self._clock.now_ms()
        return left_ms > (_EARLY_MS if tokens.refresh is not None else 0)

    def _opened(self, row: McpSignInRow) -> Tokens:
        assert row.tokens is not None  # noqa: S101 - the caller has looked
        tokens = Tokens.of(self._keyring.open(_TOKENS, row.tenant, row.server, row.tokens))
        self._masked(row.tenant, tokens)
        return tokens

    def _keep(self, key: Key, tokens: Tokens) -> None:
        self._masked(key[0], tokens)
        self._tokens[key] = tokens

    def _masked(self, tenant: str, tokens: Tokens) -> None:
        registration = tokens.way.registration
        for text in (tokens.access, tokens.refresh, registration.client_secret):
            if text is not None:
                self._conceal(tenant, text)

    def _forget(self, key: Key) -> None:
        self._changes.add()
        self._tokens.pop(key, None)
        if self._who.pop(key, None) is not None:
            self.changed()

    async def _library(self) -> ModuleType:
        return await loaded(_library)

    def _authorization(self, library: ModuleType, tenant: str, server: str) -> "Authorization":
        settings = self._servers.get(server)
        if settings is None or settings.sign_in is None or settings.url is None:
            raise UnknownMcpServer(server)
        own = urlsplit(settings.url)

        async def send(request: HttpRequest) -> HttpResponse:
            # The operator names the server itself; what that one names is held to the networks.
            asked = urlsplit(request.url)
            is_own = (asked.scheme, asked.netloc) == (own.scheme, own.netloc)
            return await (self._named if is_own else self._others).send(request, tenant)

        found: Authorization = library.Authorization(settings.url, settings.sign_in, send)
        return found


def server_of(state: str) -> str:
    """Return the server that the state of a sign-in names, whatever else it is."""
    return state.partition(".")[0]


def _named(caller: Caller) -> str:
    return f"{caller.credential} {caller.name}"


def _library() -> ModuleType:
    """Import the MCP library: it takes half a second and 50 MB, so only where it is used."""
    from app.tools.mcp import authorization

    return authorization


async def seal_all(table: McpSignInTable, keyring: Keyring) -> None:
    """Seal what is sealed with an older key. Raises `KeyUnusable`."""
    resealed = []
    for row in await table.all():
        client, attempt, tokens = (
            sealed and (keyring.renewed(kind, row.tenant, row.server, sealed) or sealed)
            for kind, sealed in zip(_KINDS, (row.client, row.attempt, row.tokens), strict=True)
        )
        new = replace(row, client=client, attempt=attempt, tokens=tokens)
        if new != row:
            resealed.append(new)
    if resealed:
        await table.seal(resealed)


def sealed_parts(row: McpSignInRow) -> list[bytes]:
    """Return all that is sealed of a row."""
    return [part for part in (row.client, row.attempt, row.tokens) if part is not None]
