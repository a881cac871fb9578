"""Finds the caller of a request: looks up its key or token in memory."""

import asyncio
import hmac
from collections.abc import Mapping
from typing import Any

from app.auth.caller import Caller
from app.auth.errors import Unauthorized
from app.auth.keys import hash_of, prefix_of
from app.auth.known_tokens import KnownTokens
from app.auth.passkeys import Passkeys
from app.auth.people import People
from app.auth.providers import Provider, Providers
from app.auth.roles import Role
from app.auth.tokens import BadToken, load_library, read_token
from app.clock import Clock
from app.secrets.jwt_secrets import open_row
from app.secrets.seal import Keyring
from app.settings.server import Settings
from engine import JsonObject
from journal import Journal, JwtSecretRow, KeyRow

_NO_HASH = bytes(32)


class Authenticator:
    """Knows all keys, secrets and people; up to date, as every change goes through this process."""

    def __init__(
        self,
        journal: Journal,
        settings: Settings,
        clock: Clock,
        keyring: Keyring,
        providers: Providers,
    ) -> None:
        self.providers = providers
        providers.on_fetch = self.forget_tokens
        passkeys = Passkeys(journal.passkeys, keyring, clock)
        self.people = People(journal.people, passkeys, keyring, clock)
        self._journal = journal
        self._settings = settings
        self._clock = clock
        self._keyring = keyring
        self._keys: dict[str, tuple[KeyRow, Caller]] = {}
        self._tokens = KnownTokens()
        self._secrets: dict[str, JwtSecretRow] = {}
        self._used: dict[str, int] = {}
        self._loading = asyncio.Lock()

    async def load(self) -> None:
        """Read all keys, secrets and people; call it again after any change of keys or secrets."""
        async with self._loading:  # of two, the one that began to read last counts
            await self.people.load()
            self._keys = {row.prefix: (row, _caller(row)) for row in await self._journal.keys.all()}
            sealed = await self._journal.jwt_secrets.all()
            if sealed or self.providers.all:
                await asyncio.to_thread(load_library)
            self._secrets = {row.kid: open_row(row, self._keyring) for row in sealed}
            self._tokens = KnownTokens()

    @property
    def has_keys(self) -> bool:
        """True when there is at least one key."""
        return bool(self._keys)

    @property
    def has_owner(self) -> bool:
        """True when an owner can sign in, by a password, a passkey, a key or a token."""
        if self.people.has_owner:
            return True
        now_ms = self._clock.now_ms()
        keys = any(
            row.role == Role.OWNER and _counts(row, now_ms) for row, _ in self._keys.values()
        )
        return keys or any(
            row.role == Role.OWNER and row.disabled_at_ms is None for row in self._secrets.values()
        )

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Return the caller. If a key and a token are sent, only the key counts.

        Raises `Unauthorized`.
        """
        if (key := headers.get("x-api-key")) is not None:
            return self._by_key(key, headers.get("x-tenant-id"))
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized
        return self.by_token(token.strip(), headers.get("x-tenant-id"))

    async def flush_used(self) -> None:
        """Store when keys were last used."""
        used, self._used = self._used, {}
        if used:
            await self._journal.keys.touch(used.items())

    def _by_key(self, key: str, tenant: str | None) -> Caller:
        return self.by_hash(prefix_of(key), hash_of(key), tenant)

    def by_hash(self, prefix: str, digest: bytes, tenant: str | None) -> Caller:
        """Return the caller of a key, given by its hash. Raises `Unauthorized`."""
        known, now_ms = self._keys.get(prefix), self._clock.now_ms()
        fits = hmac.compare_digest(known[0].hash if known else _NO_HASH, digest)
        if known is None or not fits:
            raise Unauthorized
        row, caller = known
        if row.tenant != tenant or not _counts(row, now_ms):
            raise Unauthorized
        self._used[row.id] = now_ms
        return caller

    def by_token(self, token: str, tenant: str | None) -> Caller:
        """Return the caller of a signed token. Raises `Unauthorized`.

        A checked token is remembered for as long as only time could change its meaning; `load`
        forgets all tokens.
        """
        now_ms = self._clock.now_ms()
        caller = self._tokens.get(token, now_ms)
        if caller is None:
            caller, until_s = self._read_token(token, now_ms / 1_000)
            self._tokens.keep(token, caller, now_ms, until_s)
        if tenant not in (None, caller.tenant):
            raise Unauthorized
        return caller

    def _read_token(self, token: str, now_s: float) -> tuple[Caller, float]:
        """Return the caller of a token, and when the token expires. Raises `Unauthorized`."""
        settings = self._settings
        if (provider := self.providers.of_token(token)) is not None:
            return self._known_by(provider, token, now_s)
        try:
            row, claims = read_token(
                token, self._secrets, settings.jwt_audience, settings.jwt_issuer
            )
        except BadToken:
            raise Unauthorized from None
        if (
            claims.get("tenantId") not in (None, row.tenant)
            or claims["exp"] > now_s + settings.max_token_lifetime + 60
            or not isinstance(claims.get("context", {}), dict)
        ):
            raise Unauthorized
        caller = Caller(
            row.tenant,
            _lowered(Role(row.role), claims),
            f"user:{claims['sub']}",
            claims.get("context", {}),
            f"{row.kid}:{claims['sub']}",
        )
        return caller, claims["exp"]

    def _known_by(self, provider: Provider, token: str, now_s: float) -> tuple[Caller, float]:
        known, claims = provider.known(token)
        lasts = claims["exp"] <= now_s + self._settings.max_token_lifetime + 60
        if not lasts or self.people.is_disabled(known.tenant, known.subject):
            raise Unauthorized
        context: JsonObject = {"groups": [*known.groups]} if known.groups else {}
        name = f"user:{known.name}"
        return Caller(known.tenant, known.role, name, context, known.subject), claims["exp"]

    def forget_tokens(self) -> None:
        """Check every token again: a person that one may name, or a provider's key, has changed."""
        self._tokens = KnownTokens()


def _caller(row: KeyRow) -> Caller:
    return Caller(row.tenant, Role(row.role), f"key:{row.name or row.id}", credential=row.id)


def _lowered(role: Role, claims: Mapping[str, Any]) -> Role:
    """Return the lower of both roles: a token may ask for less than its secret, never more."""
    if "role" not in claims:
        return role
    try:
        asked = Role(claims["role"])
    except ValueError:
        raise Unauthorized from None
    return asked if role.includes(asked) else role


def _counts(row: KeyRow, now_ms: int) -> bool:
    """Return whether a key is enabled and has not expired."""
    return row.disabled_at_ms is None and (row.expires_at_ms is None or row.expires_at_ms > now_ms)
