"""Carries out calls of the tool `store` on a tenant's values."""

import json
import math
from collections.abc import Awaitable, Callable

from app.clock import Clock
from engine import Json
from journal import Change, StoreFull, StoreTable
from steps.contract.step_type import StepBroke
from steps.effects.tool_calls import StoreCall

LONGEST = 262_144
"""The most bytes that a value may have, as JSON."""

_LARGEST = 2**53


class StoredValues:
    """The stored values of all tenants; secrets are masked before values are stored."""

    def __init__(
        self, table: StoreTable, clock: Clock, mask: Callable[[str, Json], Awaitable[Json]]
    ) -> None:
        self._table = table
        self._clock = clock
        self._mask = mask

    async def call(self, tenant: str, made: str, call: StoreCall) -> Json:
        """Return the result of a call; `made` identifies it, so that it takes effect once.

        Raises:
            StepBroke: `NotCountable`, `StoreFull` or `InvalidToolInput`.
        """
        now_ms = self._clock.now_ms()
        if call.operation == "get":
            found, kept = await self._table.get(tenant, call.key, now_ms)
            return {"found": found, "value": kept}
        lasting = None if call.lasts_ms is None else now_ms + call.lasts_ms
        change = _Call(
            call.operation, _masked(await self._mask(tenant, call.value)), call.by, lasting
        )
        try:
            return await self._table.change(tenant, call.key, made, now_ms, change.decide)
        except StoreFull as full:
            raise StepBroke("StoreFull", str(full), retryable=False) from full


class _Call:
    """One change, decided once the current value is known."""

    def __init__(self, operation: str, value: str, by: float, expires_at_ms: int | None) -> None:
        self._operation, self._value, self._by = operation, value, by
        self._expires_at_ms = expires_at_ms

    def decide(self, kept: Json, found: bool) -> Change:
        given: Json = json.loads(self._value)
        match self._operation:
            case "put":
                return self._kept({"value": given, "previous": kept}, self._value)
            case "put-if-absent" if found:
                return Change({"stored": False, "value": kept})
            case "put-if-absent":
                return self._kept({"stored": True, "value": given}, self._value)
            case "increment":
                total = _sum(kept if found else 0, self._by)
                return self._kept({"value": total}, json.dumps(total))
            case _:
                return Change({"deleted": found}, touched=found)

    def _kept(self, result: dict[str, Json], value: str) -> Change:
        return Change(result, value, touched=True, expires_at_ms=self._expires_at_ms)


def _sum(kept: Json, by: float) -> int | float:
    if isinstance(kept, bool) or not isinstance(kept, int | float):
        message = "the value is not a number, so nothing can be added to it"
        raise StepBroke("NotCountable", message, retryable=False)
    total = kept + by
    if not math.isfinite(total) or abs(total) > _LARGEST:
        raise StepBroke("NotCountable", "the sum is beyond 2^53", retryable=False)
    return total


def _masked(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text.encode()) > LONGEST:
        message = f"value has more than the {LONGEST} bytes that a value may have"
        raise StepBroke("InvalidToolInput", message, retryable=False)
    return text
