"""Stores the triggers of all tenants: create, pause, list, look up by address."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import replace

from app.clock import Clock
from app.concurrency.first_come import ChangeCount, until_kept
from app.concurrency.shield import shielded
from app.secrets.seal import Keyring
from app.triggers.compiled import Compiled
from app.triggers.compiled_trigger import CompiledTrigger
from app.triggers.keyed_starts import KeyedStarts, StartRefused, Target
from app.triggers.trigger_document import (
    KINDS,
    FormTrigger,
    RequestTrigger,
    RunTrigger,
    TriggerBody,
    kept_body,
)
from engine import JsonObject
from engine.value import value
from journal import (
    ArrivedRequest,
    Firing,
    Journal,
    JournalError,
    TriggerRow,
    UnknownTrigger,
)
from steps.contract.step_type import Problem
from steps.document.compiled import Definition

MOST = 200
"""The most triggers that a tenant may have."""

_KIND = "trigger-address"
_PATHS = {"request": "/in/", "form": "/form/"}
_TOKEN_BYTES = 32
_TOKEN_LENGTH = 43


@value(frozen=True, slots=True)
class TriggerState:
    """A trigger with its current state.

    Attributes:
        path: The path of its address; None if it has none.
        newest: The outcome of the newest request or run end.
    """

    row: TriggerRow
    body: TriggerBody
    path: str | None
    newest: Firing | None


class KeptTriggers:
    """Stores triggers and finds them by address."""

    def __init__(
        self, journal: Journal, starts: KeyedStarts, keyring: Keyring, clock: Clock
    ) -> None:
        self._journal = journal
        self._starts = starts
        self._keyring = keyring
        self._clock = clock
        self._lock = asyncio.Lock()
        self._addresses: dict[bytes, tuple[str, str]] | None = None
        self._changes = (
            ChangeCount()
        )  # of addresses, so that what was read before one is not kept after it
        self.compiled = Compiled[TriggerRow, CompiledTrigger](CompiledTrigger)
        """The triggers on requests, compiled for use."""

        self.on_change: Callable[[str], None] = lambda _: None
        """Called with the tenant after each change."""

    async def put(
        self, tenant: str, trigger_id: str, body: TriggerBody
    ) -> tuple[bool, TriggerState]:
        """Store a trigger, durable when this returns; return whether it is new.

        A trigger that replaces another of its kind keeps the address.

        Raises:
            StartRefused: What it would start cannot be started.
            TooManyTriggers: The tenant has the maximum number of triggers.
        """
        await self._check(tenant, body)

        async def change() -> tuple[bool, TriggerState]:
            before = await self._before(tenant, trigger_id)
            return before is None, await self._put(tenant, trigger_id, body, before)

        async with self._lock:
            return await until_kept(change)

    async def set_enabled(self, tenant: str, trigger_id: str, *, enabled: bool) -> TriggerState:
        """Pause or resume a trigger. Raises `UnknownTrigger`."""

        async def change() -> TriggerState:
            row = await self._journal.triggers.get(tenant, trigger_id)
            body = body_of(row)
            if body.enabled == enabled:
                return await self._state(row)
            changed = body.model_copy(update={"enabled": enabled})
            return await self._put(tenant, trigger_id, changed, row)

        async with self._lock:
            return await until_kept(change)

    async def rotate(self, tenant: str, trigger_id: str) -> TriggerState:
        """Give a trigger a new address; the old one stops working at once.

        Raises `UnknownTrigger`, and `StartRefused` for a trigger without an address.
        """

        async def change() -> TriggerState:
            row = await self._journal.triggers.get(tenant, trigger_id)
            if row.address is None:
                problem = Problem("on", "a trigger on ends of runs has no address")
                raise StartRefused("no address", (problem,))
            fresh = replace(row, address=None, sealed=None)
            state = await self._put(tenant, trigger_id, body_of(row), fresh)
            self._forget(row.address)
            return state

        async with self._lock:
            return await until_kept(change)

    async def delete(self, tenant: str, trigger_id: str) -> None:
        """Delete a trigger and its requests. Raises `UnknownTrigger`."""
        async with self._lock:
            row = await self._journal.triggers.get(tenant, trigger_id)
            self._forget(row.address)
            await self._journal.triggers.delete(tenant, trigger_id)
            self.on_change(tenant)

    def forget_all(self) -> None:
        """Reload all addresses on next use, because another process may have changed some."""
        self._addresses = None
        self._changes.add()

    async def get(self, tenant: str, trigger_id: str) -> TriggerState:
        """Return a trigger. Raises `UnknownTrigger`."""
        return await self._state(await self._journal.triggers.get(tenant, trigger_id))

    async def of_tenant(self, tenant: str) -> list[TriggerState]:
        """Return the triggers of a tenant, sorted by id."""
        rows = await self._journal.triggers.of_tenant(tenant)
        newest = await self._journal.firings.newest(tenant, [row.source for row in rows])
        return [self._shown(row, newest.get(row.source)) for row in rows]

    async def firings(self, tenant: str, trigger_id: str, limit: int) -> list[Firing]:
        """Return the outcomes of the newest requests or run ends, newest first.

        Raises `UnknownTrigger`.
        """
        row = await self._journal.triggers.get(tenant, trigger_id)
        found = await self._journal.firings.page(tenant, row.source, limit)
        refused = await self._journal.firings.page(tenant, row.refused, limit)
        return sorted([*found, *refused], key=lambda firing: -firing.at_ms)[:limit]

    async def request(
        self, tenant: str, trigger_id: str, key: str
    ) -> tuple[Firing, ArrivedRequest]:
        """Return one of the newest requests. Raises `UnknownTrigger` and `UnknownFiring`."""
        row = await self._journal.triggers.get(tenant, trigger_id)
        return await self._journal.requests.get(tenant, (row.source, row.refused), key)

    async def found(self, token: str) -> TriggerRow | None:
        """Return the trigger of an address, or None if there is none.

        Addresses are looked up by their hashes, in memory. So the time it takes reveals nothing
        about them, and an unknown address causes no disk access.
        """
        if len(token) != _TOKEN_LENGTH or not token.isascii():
            return None
        which = (await self._known()).get(_hash(token))
        if which is None:
            return None
        try:
            row = await self._journal.triggers.get(*which)
        except UnknownTrigger:
            return None
        return row if row.address == _hash(token) else None

    async def _known(self) -> dict[bytes, tuple[str, str]]:
        """Return which trigger has which address, by its hash."""
        if self._addresses is None:
            read = self._journal.triggers.addresses
            self._addresses = await self._changes.read_whole(read)
        return self._addresses

    async def _before(self, tenant: str, trigger_id: str) -> TriggerRow | None:
        try:
            return await self._journal.triggers.get(tenant, trigger_id)
        except UnknownTrigger:
            return None

    async def _put(
        self, tenant: str, trigger_id: str, body: TriggerBody, before: TriggerRow | None
    ) -> TriggerState:
        kind, now_ms = KINDS[type(body)], self._clock.now_ms()
        address = sealed = position = None
        if kind in _PATHS and before is not None and before.kind == kind:
            address, sealed = before.address, before.sealed
        if kind in _PATHS and address is None:
            token = secrets.token_urlsafe(_TOKEN_BYTES)
            address = _hash(token)
            sealed = self._keyring.seal(_KIND, tenant, trigger_id, token)
        if isinstance(body, RunTrigger) and body.enabled:
            position = await self._journal.pages.last_position()
        row = TriggerRow(
            tenant,
            trigger_id,
            kind,
            json.dumps(body.document(), sort_keys=True),
            address,
            sealed,
            position,
            before.created_at_ms if before else now_ms,
            max(now_ms, before.updated_at_ms + 1) if before else now_ms,
        )
        await shielded(self._store(row, before))
        self.on_change(tenant)
        return await self._state(row)

    async def _store(self, row: TriggerRow, before: TriggerRow | None) -> None:
        """Store a trigger, and its address in memory once that has happened."""
        try:
            await self._journal.triggers.put(row, MOST, before)
        except JournalError:
            self.forget_all()  # it may have been stored all the same
            raise
        self._changes.add()
        if before is not None and before.address != row.address:
            self._forget(before.address)
        if self._addresses is not None and row.address is not None:
            self._addresses[row.address] = (row.tenant, row.id)

    def _forget(self, address: bytes | None) -> None:
        if self._addresses is not None and address is not None:
            self._addresses.pop(address, None)

    async def _check(self, tenant: str, body: TriggerBody) -> None:
        """Check what the trigger would start against its workflow. Raises `StartRefused`."""
        from app.triggers.unfit import unfit  # noqa: PLC0415 - a start saves no trigger

        if isinstance(body, RequestTrigger) and body.workflowId is None:
            _refuse([*unfit(body, None)])
            return
        target = Target(tenant, str(body.workflowId), body.version)
        _, definition = await self._starts.definition(target)
        _refuse([*unfit(body, definition)])
        if isinstance(body, FormTrigger) or not isinstance(body.data, dict):
            return
        if problems := _missing(body.data, definition):
            raise StartRefused("the data does not fit", tuple(problems))

    async def _state(self, row: TriggerRow) -> TriggerState:
        newest = await self._journal.firings.page(row.tenant, row.source, 1)
        return self._shown(row, newest[0] if newest else None)

    def _shown(self, row: TriggerRow, newest: Firing | None) -> TriggerState:
        path = None
        if row.sealed is not None:
            token = self._keyring.open(_KIND, row.tenant, row.id, row.sealed)
            path = _PATHS[row.kind] + token
        return TriggerState(row, body_of(row), path, newest)


def body_of(row: TriggerRow) -> TriggerBody:
    """Return a trigger as its author wrote it."""
    return kept_body(row.kind, row.document)


async def seal_all(journal: Journal, keyring: Keyring) -> None:
    """Reseal addresses that are sealed with an older key. Raises `KeyUnusable`."""
    resealed: dict[tuple[str, str], bytes] = {}
    for row in await journal.triggers.sealed():
        assert row.sealed is not None  # noqa: S101 - asked for
        if renewed := keyring.renewed(_KIND, row.tenant, row.id, row.sealed):
            resealed[row.tenant, row.id] = renewed
    if resealed:
        await journal.triggers.seal(resealed)


def _missing(data: JsonObject, definition: Definition) -> list[Problem]:
    """Return the inputs that nothing provides. Values from templates are checked on arrival."""
    return [
        Problem(f"data.{name}", "is required")
        for name, spec in definition.payload.specs.items()
        if name not in data and spec.get("required", True) and "default" not in spec
    ]


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise StartRefused("the trigger does not fit", tuple(problems))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
