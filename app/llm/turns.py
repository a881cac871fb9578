"""How many questions a model is asked at once, and how often, all runs together."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from app.concurrency.call_rates import CallLine, space_s
from app.concurrency.fair_queue import FairQueue
from app.settings.llm import ModelDocument

_KEPT = 1_000


class _Gate:
    """The places and the line of one model, as its document says."""

    def __init__(self, model: ModelDocument, next_s: float, acting: FairQueue) -> None:
        self.says = (model.maxConcurrent, model.rate)
        # All places may be one tenant's while no other asks: in line, tenants take turns.
        most = model.maxConcurrent
        self.places = None if most is None else FairQueue(most, sys.maxsize)
        space = None if model.rate is None else space_s(model.rate)
        self.line = None if space is None else CallLine(space, next_s + space, acting)
        self.users = 0

    def share(self, parts: int) -> None:
        """Ask at one of so many parts of the rate, and of the places, which is one at least."""
        if self.places is not None and self.says[0] is not None:
            self.places.resize(max(1, self.says[0] // parts))
        if self.line is not None:
            self.line.share(parts)


class ModelTurns:
    """The gates of all models that have a bound."""

    def __init__(self, acting: FairQueue) -> None:
        """Take the turns that whoever waits lends to others."""
        self._acting = acting
        self._gates: dict[tuple[str, str], _Gate] = {}
        self._parts = 1
        self._began_s = asyncio.get_running_loop().time()

    def share(self, processes: int) -> None:
        """Ask at this process's part of every rate and of all places, as one of so many."""
        self._parts = processes
        for gate in self._gates.values():
            gate.share(processes)

    @asynccontextmanager
    async def turn(
        self, owner: str, name: str, model: ModelDocument, tenant: str, *, holds_turn: bool
    ) -> AsyncIterator[None]:
        """Wait until the model may be asked, and hold a place while the block lasts.

        `owner` is the tenant whose model it is, empty for one of the settings. While it waits, no
        timeout counts, and others act where the caller `holds_turn`.
        """
        if model.maxConcurrent is None and model.rate is None:
            yield
            return
        gate = self._gate((owner, name), model)
        gate.users += 1
        try:
            if gate.places is None:
                await self._in_line(gate, tenant, holds_turn=holds_turn)
                yield
                return
            await self._placed(gate.places, tenant, holds_turn=holds_turn)
            try:
                await self._in_line(gate, tenant, holds_turn=holds_turn)
                yield
            finally:
                gate.places.give(tenant, 1)
        finally:
            gate.users -= 1

    async def _placed(self, places: FairQueue, tenant: str, *, holds_turn: bool) -> None:
        if places.take_now(tenant):
            return
        is_taken = False
        try:
            async with self._acting.lent(tenant) if holds_turn else nullcontext():
                await places.wait(tenant, 1)
                is_taken = True
        except BaseException:
            if is_taken:  # and the turn to act was not to be had again
                places.give(tenant, 1)
            raise

    async def _in_line(self, gate: _Gate, tenant: str, *, holds_turn: bool) -> None:
        if gate.line is not None:
            await gate.line.wait(tenant, holds_turn=holds_turn)

    def _gate(self, key: tuple[str, str], model: ModelDocument) -> _Gate:
        """Return the gate of a model; another one once its document says otherwise."""
        gate = self._gates.get(key)
        if gate is None or gate.says != (model.maxConcurrent, model.rate):
            if len(self._gates) > _KEPT:
                self._gates = {one: kept for one, kept in self._gates.items() if kept.users}
            next_s = self._began_s if gate is None else asyncio.get_running_loop().time()
            gate = self._gates[key] = _Gate(model, next_s, self._acting)
            gate.share(self._parts)
        return gate
