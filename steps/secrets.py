"""Fetches the secrets that a step's settings name, immediately before they are used."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from engine import Json
from steps.effects.effects import Effects
from steps.language.template import Template

Templates: TypeAlias = Template | Mapping[str, Template] | None


async def secret_scope(settings: Iterable[Templates], effects: Effects) -> dict[str, Json]:
    """Fetch the secrets that some settings of a step name.

    Args:
        settings: Templates, or templates by name; None is skipped.
        effects: Gives the secrets.

    Returns:
        The values by name, for the scope's `secrets`.

    Raises:
        StepBroke: There is no secret with one of the names.
    """
    names = {name for template in _each(settings) for name in template.secrets}
    return await fetched(names, effects)


async def fetched(names: Iterable[str], effects: Effects) -> dict[str, Json]:
    """Fetch secrets.

    Args:
        names: Their names.
        effects: Gives the secrets.

    Returns:
        The values by name, for the scope's `secrets`.

    Raises:
        StepBroke: There is no secret with one of the names.
    """
    return {name: await effects.secret(name) for name in sorted(names)}


def _each(settings: Iterable[Templates]) -> Iterator[Template]:
    for item in settings:
        if isinstance(item, Template):
            yield item
        elif item is not None:
            yield from item.values()
