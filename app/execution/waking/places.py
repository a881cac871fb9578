"""Places: runs of workflows with `concurrency` begin in order, as soon as there is room.

Which runs hold a place and which wait in line is read from the rows of the runs, which change in
the transaction of their events. Nothing is kept in memory, so a crash neither leaves a place
occupied by no run nor admits one run too many. Three things can move a line forward: a run is
queued, a run with a place ends, or the server starts. Each of them reads the first run in line and
how many hold a place.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from weakref import WeakValueDictionary

from app.definitions.versioned import DefinitionUnusable
from app.execution.live.appends import Appends
from app.execution.live.cluster import Cluster
from app.execution.live.live_run import LiveRun, RunLost
from app.execution.live.live_runs import LiveRuns
from app.telemetry import log
from engine import Admit, Event, Place, Rejected, RunQueued, State, TurnAway
from journal import (
    PLACE,
    UNREADABLE,
    Journal,
    JournalError,
    PlaceKey,
    UnknownRun,
    place_key,
    run_number,
)

_LOOK_EVERY_S = 5
_LOOK_SHARED_EVERY_S = 1
_REASON = "newer runs have taken its place"


class Places:
    """Admits runs, each line in its order.

    Attributes:
        carry_on: Drives a run that has been admitted.
        end: Ends a run of a tenant, with a reason and who wants it.
    """

    def __init__(
        self,
        journal: Journal,
        appends: Appends,
        live_runs: LiveRuns,
        cluster: Cluster | None = None,
    ) -> None:
        self._cluster = cluster
        if cluster is not None:
            cluster.bell.heard.setdefault(PLACE, []).append(self._heard)
        self._journal = journal
        self._appends = appends
        self._live_runs = live_runs
        self._locks: WeakValueDictionary[PlaceKey, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self.carry_on: Callable[[LiveRun], None] = lambda _: None
        self.end: Callable[[str, str, str, str], Awaitable[None]]

    def appended(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Look at the line of a run that has been queued or has given up its place."""
        key = place_key(live.tenant, live.run)
        assert key is not None  # noqa: S101 - only such runs are published
        if live.run.is_over or any(type(event) is RunQueued for event in events):
            self._look_at(key)

    def _heard(self, name: str) -> None:
        if self._cluster is not None and self._cluster.owns_name(name):
            self._look_at(PlaceKey(*json.loads(name)))

    def _look_at(self, key: PlaceKey) -> None:
        task = asyncio.create_task(self._advance_or_log(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Look at every line at intervals, until cancelled."""
        while True:
            try:
                keys = await self._journal.places.waited_for()
                lines = [list(own) for _, own in groupby(keys, key=lambda key: key.tenant)]
                # Concurrently, so that the many lines of one tenant do not delay those of others.
                await asyncio.gather(*(self._advance_all(own) for own in lines))
            except JournalError as failure:
                log.places_delayed(failure)
            # If a ring from another process was lost, its line must not wait for long.
            await asyncio.sleep(_LOOK_EVERY_S if self._cluster is None else _LOOK_SHARED_EVERY_S)

    async def _advance_all(self, keys: Sequence[PlaceKey]) -> None:
        for key in keys:
            await self._advance_or_log(key)

    async def _advance_or_log(self, key: PlaceKey) -> None:
        try:
            await self._advance(key)
        except Exception as failure:  # noqa: BLE001 - looked at again, and logged
            log.places_delayed(failure)

    async def _advance(self, key: PlaceKey) -> None:
        """Admit runs as long as there is room for the first in line.

        Of several processes, one does this for each key, so that two cannot give out the same
        place.
        """
        if self._cluster is not None and not self._cluster.owns_name(json.dumps(key.values)):
            self._cluster.bell.ring(PLACE, json.dumps(key.values))
            return
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            stuck: set[int] = set()
            while True:
                line = await self._journal.places.line(key, stuck)
                if line.first is None:
                    return
                try:
                    if not await self._is_served(key, line.first, line.under_way):
                        return
                except UnknownRun:
                    stuck.add(run_number(line.first))
                except RunLost:
                    return  # it is being read again, and no run overtakes it meanwhile
                except DefinitionUnusable as unusable:
                    log.run_stuck(line.first, unusable)
                    stuck.add(run_number(line.first))
                except UNREADABLE as unreadable:
                    log.run_stands_still(line.first, unreadable)
                    stuck.add(run_number(line.first))

    async def _is_served(self, key: PlaceKey, run_id: str, under_way: int) -> bool:
        """Admit or cancel the first in line; return False if it has to wait."""
        async with self._live_runs.load(key.tenant, run_id) as live:
            async with live.lock:
                await self._appends.append(live)
                place = live.run.place
                if live.run.state is not State.QUEUED or place is None:
                    return True  # a command came first
                if under_way >= place.limit and place.when_full != "refuse":
                    full = place
                else:
                    full = None
                    away = under_way >= place.limit
                    self._appends.take(live, TurnAway() if away else Admit())
                    await self._appends.append(live)
            if full is None:
                self.carry_on(live)
        if full is not None and full.when_full == "cancel-oldest":
            await self._make_room(key, full)
        return full is None

    async def _make_room(self, key: PlaceKey, place: Place) -> None:
        """Cancel the oldest runs, so that the newest have room once these have stopped."""
        for run_id in await self._journal.places.surplus(key, place.limit):
            try:
                await self.end(key.tenant, run_id, _REASON, "concurrency")
            except (Rejected, UnknownRun):
                continue  # it has ended or is being cancelled
            except UNREADABLE as unreadable:  # that one's fault, not that of the first in line
                log.run_stands_still(run_id, unreadable)
