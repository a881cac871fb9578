"""The secrets that a step's settings name, fetched at the last moment."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from engine import Json
from steps.effects import Effects
from steps.template import Template

Templates: TypeAlias = Template | Mapping[str, Template] | None


async def secret_scope(settings: Iterable[Templates], effects: Effects) -> dict[str, Json]:
    """Return the values of all secrets that the templates name, by name. Raises `StepBroke`."""
    names = {name for template in _each(settings) for name in template.secrets}
    return {name: await effects.secret(name) for name in sorted(names)}


def _each(settings: Iterable[Templates]) -> Iterator[Template]:
    for item in settings:
        if isinstance(item, Template):
            yield item
        elif item is not None:
            yield from item.values()
