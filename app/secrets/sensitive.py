"""Output fields marked `sensitive`: sealed in the journal, readable by steps, `***` to people.

In a run's data a sealed field is an object with one key, which is never shown. The field's value is
masked like a secret in everything that later steps return. So it can leave the server in a request
and in no other way.
"""

import base64
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TypeVar

from app.secrets.mask import MASK, SHORTEST, Mask
from app.secrets.vault import Secrets
from engine import Broke, Delivered, Input, Json, JsonObject, StepError
from steps.language.beside import beside, is_long

_MARK = "$sealed"
_KIND = "sensitive field"
_MOST_LEAVES = 1_000
_LONG = 100
"""The size, as `is_long` counts it, from which the work is done beside the event loop."""

T = TypeVar("T")


class SensitiveFields:
    """Seals the sensitive fields of all tenants, and opens them for steps.

    Attributes:
        masks: Hide what is secret to each tenant, opened fields included.
    """

    def __init__(self, secrets: Secrets) -> None:
        self.masks = secrets.masks
        self._secrets = secrets

    def opened(self, tenant: str, data: JsonObject, names: Collection[str]) -> JsonObject:
        """Return the data with the named fields opened.

        Raises:
            KeyUnusable: None of the available keys opens a field.
        """
        found: JsonObject = {}
        for name in names:
            if (sealed := _sealed(data.get(name))) is not None:
                text = self._secrets.keyring.open(_KIND, tenant, name, sealed)
                found[name] = json.loads(text)
        return {**data, **found}

    async def opened_for_step(
        self, tenant: str, data: JsonObject, names: Collection[str]
    ) -> tuple[JsonObject, Mask]:
        """Return the data with the named fields opened, and the mask for their values.

        Raises as `opened`.
        """

        def work() -> tuple[JsonObject, list[str], Mask]:
            opened = self.opened(tenant, data, names)
            leaves = list(_leaves([opened.get(name) for name in names]))
            return opened, leaves, Mask(leaves)

        opened, leaves, mask = await (beside(work) if is_much(data, names) else _here(work))
        await self._conceal(tenant, leaves)
        return opened, mask

    async def closed(self, tenant: str, happened: Input, names: Collection[str]) -> Input:
        """Return a step's output with sensitive fields sealed and their values masked elsewhere."""
        if not isinstance(happened, Delivered):
            return happened
        given = happened.data
        values = {name: given[name] for name in names if given.get(name) is not None}
        if not values:
            return happened
        leaves = list(islice(_leaves(values.values()), _MOST_LEAVES + 1))
        if len(leaves) > _MOST_LEAVES:
            message = f"a sensitive field holds more than {_MOST_LEAVES:,} texts and numbers"
            return Broke(StepError("InvalidOutput", message))
        await self._conceal(tenant, leaves)
        work = partial(self._closed, tenant, happened, values, leaves)
        long = is_long([*values.values(), happened.output, given], _LONG)
        return await (beside(work) if long else _here(work))

    async def _conceal(self, tenant: str, leaves: Iterable[str]) -> None:
        for leaf in leaves:
            self._secrets.conceal(tenant, leaf)
        await self._secrets.settle(tenant)

    def _closed(
        self, tenant: str, happened: Delivered, values: JsonObject, leaves: Iterable[str]
    ) -> Input:
        mask = Mask(leaves)
        output, data = mask.value(happened.output), mask.value(happened.data)
        sealed = {name: self._mark(tenant, name, value) for name, value in values.items()}
        if isinstance(output, dict):
            output = {name: MASK if name in values else item for name, item in output.items()}
        kept = data if isinstance(data, dict) else {}
        return replace(happened, output=output, data={**kept, **sealed})

    def _mark(self, tenant: str, name: str, value: Json) -> Json:
        sealed = self._secrets.keyring.seal(_KIND, tenant, name, json.dumps(value))
        return {_MARK: base64.b64encode(sealed).decode()}


async def _here(work: Callable[[], T]) -> T:
    return work()


def is_much(data: Mapping[str, Json], names: Collection[str]) -> bool:
    """Return whether the sealed fields are so large that they are opened beside the event loop."""
    sealed = [item for name in names if isinstance(item := data.get(name), dict)]
    return is_long(sealed, _LONG)


def shown_data(data: Mapping[str, Json]) -> JsonObject:
    """Return a run's data as people see it, with `***` in place of sealed fields."""
    return {name: item if _sealed(item) is None else MASK for name, item in data.items()}


def hidden_fields(data: Mapping[str, Json]) -> JsonObject:
    """Return the sealed fields of a run's data, with `***` as their values."""
    return {name: MASK for name, item in data.items() if _sealed(item) is not None}


def _sealed(value: Json) -> bytes | None:
    if not isinstance(value, dict) or len(value) != 1:
        return None
    text = value.get(_MARK)
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:
        return None


def _leaves(values: Iterable[Json]) -> Iterator[str]:
    """Return the texts and numbers in values that are long enough to be searched for elsewhere."""
    todo = list(values)
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
        elif value is not None and not isinstance(value, bool) and len(str(value)) >= SHORTEST:
            yield str(value)
