"""Warnings about bodies that wait for a place in a pool in which their own run holds one."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from steps.contract.step_type import Problem
from steps.document.bodies import DEEPEST, LOCAL, bodies_in, placed
from steps.registry import Registry

_Place: TypeAlias = tuple[str, str]
"""A pool, and the key in it as written."""


def waits_in_own_pool(document: dict[str, Any], registry: Registry) -> list[Problem]:
    """Return the bodies whose run waits for a place that the run above it may hold."""
    written = document.get("workflows")
    local = {name: body for name, body in written.items() if isinstance(body, dict)} if isinstance(
        written, dict) else {}  # fmt: skip
    look = _Look(registry, local)
    found = list(look.inside(document, ()))
    for name, body in local.items():
        found += placed(look.inside(body, (), f"{LOCAL}{name}"), f"workflows.{name}")
    return found


class _Look:
    def __init__(self, registry: Registry, local: Mapping[str, dict[str, Any]]) -> None:
        self._registry, self._local = registry, local

    def inside(
        self, document: dict[str, Any], above: tuple[_Place, ...], path: str = "", depth: int = 0
    ) -> Iterator[Problem]:
        """Yield the places for which a document or its bodies wait while holding them."""
        held = (*above, *(place for place, _ in _places(document)))
        for body in bodies_in(document, self._registry, path) if depth < DEEPEST else ():
            if body.is_inline:
                yield from _problems(body.document, held, f"{body.place}.concurrency.pool")
                below = self.inside(body.document, held, body.path, depth + 1)
                yield from placed(below, body.place)
        yield from self._calls(document, held)

    def _calls(self, document: dict[str, Any], held: tuple[_Place, ...]) -> Iterator[Problem]:
        steps = document.get("steps")
        for index, step in enumerate(steps if isinstance(steps, list) else ()):
            kind = self._registry.get(str(step.get("type"))) if isinstance(step, dict) else None
            if kind is None or step.get("wait") is False:
                continue
            for place, name in kind.calls(step):
                if name.startswith(LOCAL):
                    called = self._local.get(name.removeprefix(LOCAL), {})
                    yield from _problems(called, held, f"steps[{index}].{place}")


def _places(body: Mapping[str, Any]) -> Iterator[tuple[_Place, bool]]:
    """Yield the place in a pool that a run of a body takes, and whether it waits for it."""
    said = body.get("concurrency")
    if isinstance(said, dict) and isinstance(said.get("pool"), str):
        waits = said.get("whenFull", "queue") == "queue"
        yield (said["pool"], str(said.get("key", ""))), waits


def _problems(body: Mapping[str, Any], held: tuple[_Place, ...], path: str) -> Iterator[Problem]:
    for place, waits in _places(body):
        if waits and place in held:
            yield Problem(
                path,
                f"may wait for ever: the run above has a place in the pool {place[0][:64]} until "
                "this has ended; give one of the two another pool, or the step a `timeout`",
            )
