"""The secrets that a step's settings name, fetched at the last moment."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from engine import Json
from steps.effects.effects import Effects
from steps.language.template import Template

Templates: TypeAlias = Template | Mapping[str, Template] | None


async def secret_scope(settings: Iterable[Templates], effects: Effects) -> dict[str, Json]:
    """Fetch the secrets that some settings of a step name.

    Args:
        settings: Templates, or templates by name; None is passed over.
        effects: Where the secrets come from.

    Returns:
        The values by name, to be put into the scope as `secrets`.

    Raises:
        StepBroke: There is no secret of a name.
    """
    names = {name for template in _each(settings) for name in template.secrets}
    return await fetched(names, effects)


async def fetched(names: Iterable[str], effects: Effects) -> dict[str, Json]:
    """Fetch secrets.

    Args:
        names: Their names.
        effects: Where they come from.

    Returns:
        The values by name, to be put into the scope as `secrets`.

    Raises:
        StepBroke: There is no secret of a name.
    """
    return {name: await effects.secret(name) for name in sorted(names)}


def _each(settings: Iterable[Templates]) -> Iterator[Template]:
    for item in settings:
        if isinstance(item, Template):
            yield item
        elif item is not None:
            yield from item.values()
