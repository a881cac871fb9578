"""Limits how many requests a model gets at once and how often, over all runs together."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from app.concurrency.call_rates import CallLine, space_s
from app.concurrency.fair_queue import FairQueue
from app.settings.llm import ModelDocument

_KEPT = 1_000


class _Gate:
    """The places and the waiting line of one model, as its document says."""

    def __init__(self, model: ModelDocument, next_s: float, acting: FairQueue) -> None:
        self.says = (model.maxConcurrent, model.rate)
        # One tenant may have all places while no other asks; in line, tenants take turns.
        most = model.maxConcurrent
        self.places = None if most is None else FairQueue(most, sys.maxsize)
        space = None if model.rate is None else space_s(model.rate)
        self.line = None if space is None else CallLine(space, next_s + space, acting)
        self.users = 0

    def share(self, parts: int) -> None:
        """Use one of `parts` equal parts of the rate and of the places, but at least one place."""
        if self.places is not None and self.says[0] is not None:
            self.places.resize(max(1, self.says[0] // parts))
        if self.line is not None:
            self.line.share(parts)


class ModelTurns:
    """The gates of all models that have a limit."""

    def __init__(self, acting: FairQueue) -> None:
        """Take the queue of turns, in which steps that wait lend theirs to others."""
        self._acting = acting
        self._gates: dict[tuple[str, str], _Gate] = {}
        self._parts = 1
        self._began_s = asyncio.get_running_loop().time()

    def share(self, processes: int) -> None:
        """Use this process's part of all rates and places, as one of so many processes."""
        self._parts = processes
        for gate in self._gates.values():
            gate.share(processes)

    @asynccontextmanager
    async def turn(
        self, owner: str, name: str, model: ModelDocument, tenant: str, *, holds_turn: bool
    ) -> AsyncIterator[None]:
        """Wait until the model may be asked, and hold a place while the block lasts.

        `owner` is the tenant that owns the model, empty for a model of the settings. During the
        wait no timeout counts, and others may use the turn if the caller `holds_turn`.
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
            if is_taken:  # it has a place, but did not get its turn back
                places.give(tenant, 1)
            raise

    async def _in_line(self, gate: _Gate, tenant: str, *, holds_turn: bool) -> None:
        if gate.line is not None:
            await gate.line.wait(tenant, holds_turn=holds_turn)

    def _gate(self, key: tuple[str, str], model: ModelDocument) -> _Gate:
        """Return the gate of a model; a new one when its document has changed the limits."""
        gate = self._gates.get(key)
        if gate is None or gate.says != (model.maxConcurrent, model.rate):
            if len(self._gates) > _KEPT:
                self._gates = {one: kept for one, kept in self._gates.items() if kept.users}
            next_s = self._began_s if gate is None else asyncio.get_running_loop().time()
            gate = self._gates[key] = _Gate(model, next_s, self._acting)
            gate.share(self._parts)
        return gate
