"""Indexes the words of runs' input, so that runs can be searched by them.

The index is written in the background, after the runs' own events, so starts do not wait for it.
Sensitive fields are not indexed, and the words per run are limited, so a large document costs no
more than a form.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice

from app.concurrency.offload import LONG_BYTES, offload
from app.definitions.versioned import DefinitionUnusable
from app.definitions.workflows import Workflows
from app.secrets.sensitive import shown_data
from app.telemetry import log
from engine import Json, JsonObject
from journal import InputWords, Journal, StartRow

MOST_CHARACTERS = 1_000
"""The most characters of all words of a run, each word counted once."""

_LONGEST_WORD = 64
_LONGEST_TEXT = 4_000
_MOST_VALUES = 2_000
_MOST_VERSIONS = 1_000
_WORD = re.compile(r"[^\W_]+")
_UNNOTED = 5_000
"""After this many positions without a start, the position is stored anyway."""

_LOOK_EVERY_S = 1.0
_PACE_S = 0.05
_SHARE = 4
"""The pause after each part, as a multiple of the time it took, in which others can work."""

_AT_ONCE = 25
_FORGOTTEN_AT_ONCE = 1_000


class SearchWords:
    """Follows the starts of all tenants until cancelled; what fails is retried.

    Attributes:
        is_here: Says whether this process does the work, of all that share the journal.
    """

    def __init__(self, journal: Journal, workflows: Workflows, *, is_on: bool) -> None:
        self._inputs = journal.run_inputs
        self._workflows = workflows
        self._is_on = is_on
        self._sensitive: dict[tuple[str, str, str], Collection[str] | None] = {}
        self.is_here: Callable[[], bool] = lambda: True

    async def run(self) -> None:
        """Index new starts; with the setting off, delete the index."""
        looked: int | None = None
        while True:
            pause_s = _LOOK_EVERY_S
            try:
                if not self.is_here():
                    looked = None
                elif self._is_on:
                    begun = time.perf_counter()
                    looked, has_more = await self._part(looked)
                    if has_more:
                        pause_s = max(_PACE_S, _SHARE * (time.perf_counter() - begun))
                elif await self._inputs.up_to() and await self._inputs.forget(_FORGOTTEN_AT_ONCE):
                    pause_s = _PACE_S
            except Exception as failure:  # noqa: BLE001 - tried again, and logged
                looked = None
                log.housekeeping_delayed(failure)
            await asyncio.sleep(pause_s)

    async def _part(self, looked: int | None) -> tuple[int, bool]:
        """Index the words of the next starts; return the position, and whether there are more."""
        noted = await self._inputs.up_to()
        page = await self._inputs.starts(noted if looked is None else max(noted, looked))
        found = []
        for number, row in enumerate(page.rows, start=1):
            words = await self._words(row)
            if words:
                found.append(InputWords(row.run, row.tenant, words))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        if found or page.up_to - noted >= _UNNOTED:
            await self._inputs.keep(found, page.up_to)
        return page.up_to, page.has_more

    async def _words(self, row: StartRow) -> str:
        body = await self._inputs.body(row)
        hidden = await self._hidden(row) if body is not None else None
        if body is None or hidden is None:
            return ""
        work = partial(words_of_start, body, is_list=row.is_list, hidden=hidden)
        try:
            return await offload(work) if len(body) > LONG_BYTES else work()
        except ValueError:
            return ""  # damaged; this is reported when the run is read

    async def _hidden(self, row: StartRow) -> Collection[str] | None:
        """Return the names of sensitive fields; None if they cannot be determined."""
        key = (row.tenant, row.workflow_id, row.version)
        if key not in self._sensitive:
            if len(self._sensitive) >= _MOST_VERSIONS:
                self._sensitive.clear()
            try:
                definition = await self._workflows.pinned(*key)
            except DefinitionUnusable:
                self._sensitive[key] = None
            else:
                each = (definition, *definition.bodies.values())
                self._sensitive[key] = frozenset().union(*(one.sensitive for one in each))
        return self._sensitive[key]


def words_of_start(body: str, *, is_list: bool, hidden: Collection[str]) -> str:
    """Return the words of a start's data, each once, in order.

    `hidden` names fields that are skipped. Raises `ValueError` if the data is not JSON.
    """
    started = json.loads(body)
    data: JsonObject = (started[0] if is_list else started).get("data") or {}
    shown = shown_data({name: item for name, item in data.items() if name not in hidden})
    words = dict[str, None]()
    left = MOST_CHARACTERS
    for text in islice(_texts(shown), _MOST_VALUES):
        for word in _WORD.findall(text[:_LONGEST_TEXT]):
            small = word.lower()
            if len(small) > _LONGEST_WORD or small in words:
                continue
            left -= len(small) + 1
            if left < 0:
                return " ".join(words)
            words[small] = None
    return " ".join(words)


def _texts(data: JsonObject) -> Iterator[str]:
    """Iterate over the texts and numbers of a value, in order."""
    todo = list[Json]([data])
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo += reversed(item.values())
        elif isinstance(item, list):
            todo += reversed(item)
        elif item is not None and not isinstance(item, bool):
            yield str(item)
