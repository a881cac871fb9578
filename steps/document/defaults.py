"""The defaults of a document for all its steps of one type."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from steps.contract.step_type import Problem
from steps.document.problems import keys_of
from steps.document.shape import CommonStep
from steps.language.nearest import did_you_mean
from steps.registry import Registry

_OWN = ("id", "type", "name", "note")
Located = Callable[[Iterable[Problem]], list[Problem]]


def with_defaults(document: Mapping[str, Any]) -> tuple[dict[str, Any], Located]:
    """Return the document with its defaults in its steps, and a function that places problems.

    If a step has a key itself, its value replaces the whole default. A problem in a default is
    reported once, at the default.
    """
    defaults, steps = document.get("defaults"), document.get("steps")
    if not isinstance(defaults, dict) or not isinstance(steps, list):
        return dict(document), list
    origins: dict[str, str] = {}
    merged = []
    for index, step in enumerate(steps):
        kind = step.get("type") if isinstance(step, dict) else None
        given = defaults.get(kind) if isinstance(kind, str) else None
        more = {key: item for key, item in given.items() if key not in step and key not in _OWN
                } if isinstance(given, dict) else {}  # fmt: skip
        for key in more:
            origins[f"steps[{index}].{key}"] = f"defaults.{kind}.{key}"
        merged.append({**step, **more} if more else step)

    def located(problems: Iterable[Problem]) -> list[Problem]:
        return list(dict.fromkeys(_moved(item, origins) for item in problems))

    return {**document, "steps": merged}, located


def _moved(problem: Problem, origins: Mapping[str, str]) -> Problem:
    steps, dot, rest = problem.path.partition(".")
    key = rest.partition(".")[0].partition("[")[0]
    origin = origins.get(f"{steps}{dot}{key}")
    return problem if origin is None else replace(problem, path=origin + rest[len(key) :])


def default_problems(defaults: Mapping[str, Any], registry: Registry) -> Iterator[Problem]:
    """Return the problems of defaults that do not depend on the steps."""
    for name, given in defaults.items():
        path, kind = f"defaults.{name}", registry.get(name)
        if kind is None:
            hint = did_you_mean(name, registry.types)
            yield Problem(path, f"{name[:130]} is not a known step type{hint}")
        elif not isinstance(given, dict):
            yield Problem(path, "must be an object of keys that a step of this type may have")
        else:
            known = keys_of(CommonStep, kind.settings).difference(_OWN)
            for key in given:
                if key in _OWN:
                    yield Problem(f"{path}.{key}", "is each step's own")
                elif key not in known:
                    yield Problem(f"{path}.{key}", f"is not a known key{did_you_mean(key, known)}")
