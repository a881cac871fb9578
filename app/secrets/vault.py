"""The secrets of all tenants, decrypted in memory; exact, since every change is made here."""

import asyncio
import re
from collections import defaultdict, deque
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any

from app.clock import Clock
from app.concurrency.offload import offload
from app.secrets.growing_mask import Masks
from app.secrets.log_mask import LogMask
from app.secrets.seal import Keyring
from engine import Json
from engine.value import value
from journal import JournalError, SecretRow, SecretTable, UnknownSecret
from steps.contract.step_type import Problem, StepBroke
from steps.language.beside import is_long

LONGEST = 65_536
"""The most bytes a value may have, as UTF-8."""

MOST = 1_000
MOST_BYTES = 1_000_000
"""The most secrets a tenant may have, and their greatest total length."""

LONG_MASKED = 4_000
"""The size, as `is_long` counts it, from which a value is masked beside the event loop."""

_KIND = "secret"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FORMER = 64
_ISSUED = 256
"""How many of the tokens given to a tenant's steps are masked; the newest are kept."""


class UnfitSecret(Exception):
    """A secret cannot have this name or value; the message does not show the value."""

    def __init__(self, path: str, message: str) -> None:
        self.problems = (Problem(path, message),)
        super().__init__(f"{path} {message}")


@value(frozen=True, slots=True)
class SecretName:
    """A secret as listed: everything but its value."""

    name: str
    created_at_ms: int
    updated_at_ms: int


class Secrets:
    """Gives secrets to steps, and removes them from everything that steps return."""

    def __init__(self, table: SecretTable, keyring: Keyring, clock: Clock) -> None:
        self._table = table
        self.keyring = keyring
        self._clock = clock
        self._lock = asyncio.Lock()
        self._rows: dict[tuple[str, str], SecretRow] = {}
        self._values: dict[str, dict[str, str]] = {}
        # A step in flight may still hold a value that was replaced or deleted.
        self._former: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_FORMER))
        self._issued: defaultdict[str, deque[str]] = defaultdict(lambda: deque(maxlen=_ISSUED))
        self.masks = Masks(self._known)
        self._every = LogMask(self._known_of_all)
        self._is_stale = True

    async def load(self) -> None:
        """Open every secret and reseal those sealed with an older key. Raises `KeyUnusable`."""
        async with self._lock:
            await self._load()

    async def get(self, tenant: str, name: str) -> str:
        """Return a secret for a step. Raises `StepBroke` when the tenant has none of that name."""
        if self._is_stale:
            await self.load()
        try:
            return self._values[tenant][name]
        except KeyError:
            message = (
                f"there is no secret {name}; create it with PUT /api/secrets/{name}, or with "
                f"stepwell secret set {name} --tenant {tenant}"
            )
            raise StepBroke("UnknownSecret", message, retryable=False) from None

    def conceal(self, tenant: str, value: str) -> None:
        """Mask a value that was given to a step of the tenant but is not one of its secrets."""
        if value not in self._issued[tenant]:
            self._issued[tenant].append(value)
            self._mask_too(tenant, [value])

    def names(self, tenant: str) -> list[SecretName]:
        """List a tenant's secrets by name."""
        return [
            SecretName(name, row.created_at_ms, row.updated_at_ms)
            for (owner, name), row in sorted(self._rows.items())
            if owner == tenant
        ]

    async def put(self, tenant: str, name: str, value: str) -> tuple[SecretName, bool]:
        """Store a secret, durable when this returns; return whether it is new.

        Raises:
            UnfitSecret: The name cannot be used in an expression, the value is empty or too long,
                or the tenant has too many secrets.
        """
        _check(name, value)
        async with self._lock:
            self._must_have_room(tenant, name, value)
            now_ms = self._clock.now_ms()
            before = self._rows.get((tenant, name))
            row = SecretRow(
                tenant=tenant,
                name=name,
                sealed=self.keyring.seal(_KIND, tenant, name, value),
                created_at_ms=before.created_at_ms if before else now_ms,
                updated_at_ms=now_ms,
            )
            self._remember(tenant, name, value)
            await self._write(self._table.put([row]))
            self._keep(row, value)
            await self.settle(tenant)
            return SecretName(name, row.created_at_ms, row.updated_at_ms), before is None

    async def delete(self, tenant: str, name: str) -> None:
        """Remove a secret, durable when this returns. Raises `UnknownSecret`."""
        async with self._lock:
            self._remember(tenant, name, None)
            await self._write(self._table.delete(tenant, name))
            self._rows.pop((tenant, name), None)
            self._values.get(tenant, {}).pop(name, None)

    async def mask(self, tenant: str, value: Json) -> Json:
        """Return the value without any secret of the tenant, current or recently replaced."""
        mask = self.masks[tenant]
        if not mask.is_needed:
            return value
        await self.settle(tenant)
        if is_long([value], LONG_MASKED):
            return await offload(lambda: mask.value(value))
        return mask.value(value)

    async def settle(self, tenant: str) -> None:
        """Recompile the tenant's mask if many secrets were added."""
        await self.masks[tenant].settle()
        await self._every.settle()

    def mask_text(self, text: str) -> str:
        """Return the text without any secret of any tenant."""
        return self._every.text(text)

    async def _load(self) -> None:
        resealed = []
        rows, self._rows, self._values = await self._table.all(), {}, {}
        for row in rows:
            value = self.keyring.open(_KIND, row.tenant, row.name, row.sealed)
            self._keep(row, value)
            if renewed := self.keyring.renewed(_KIND, row.tenant, row.name, row.sealed):
                resealed.append(replace(row, sealed=renewed))
        if resealed:
            await self._table.put(resealed)
        for tenant in self._values:
            await self.settle(tenant)
        self._is_stale = False

    def _keep(self, row: SecretRow, value: str) -> None:
        self._values.setdefault(row.tenant, {})[row.name] = value
        self._rows[row.tenant, row.name] = row
        self._mask_too(row.tenant, [value])

    def _must_have_room(self, tenant: str, name: str, value: str) -> None:
        others = [known for key, known in self._values.get(tenant, {}).items() if key != name]
        if len(others) >= MOST:
            raise UnfitSecret("name", f"there may be at most {MOST:,} secrets; delete some first")
        if sum(len(known.encode()) for known in [*others, value]) > MOST_BYTES:
            message = (
                f"all secrets together may have at most {MOST_BYTES:,} bytes; delete some first"
            )
            raise UnfitSecret("value", message)

    def _remember(self, tenant: str, name: str, value: str | None) -> None:
        """Keep masking a value that is being replaced, and one that may have been written."""
        for known in (self._values.get(tenant, {}).get(name), value):
            if known is not None:
                self._former[tenant].append(known)
                self._mask_too(tenant, [known])

    async def _write(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except UnknownSecret:
            raise
        except JournalError:
            self._is_stale = True  # the write may have happened anyway
            raise

    def _known(self, tenant: str) -> list[str]:
        values = self._values.get(tenant, {}).values()
        return [*values, *self._former[tenant], *self._issued[tenant]]

    def _known_of_all(self) -> list[str]:
        tenants = {*self._values, *self._former, *self._issued}
        return [value for tenant in tenants for value in self._known(tenant)]

    def _mask_too(self, tenant: str, values: Iterable[str]) -> None:
        self.masks[tenant].add(values)
        self._every.add(values)


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise UnfitSecret(
            "name", "must have 1 to 128 letters, digits or _, and not begin with a digit"
        )
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise UnfitSecret("value", "must be text that can be written as UTF-8") from None
    if not 0 < size <= LONGEST:
        raise UnfitSecret("value", f"must have 1 to {LONGEST} bytes")
