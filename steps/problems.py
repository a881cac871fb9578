"""Pydantic's findings as problems: a path in the document's notation, and a remedy."""

from typing import Any

from pydantic import BaseModel, ValidationError

from steps.contract import Problem, first_of
from steps.nearest import did_you_mean

_LONGEST_PATH = 300
_MOST_HINTS = 10
"""Keys of one place for which the nearest known one is looked for: it costs more than the rest."""


class InvalidDefinition(Exception):
    """A document is no usable definition.

    Attributes:
        all: What was found.
        problems: What is told, each with its path in the document; the first fifty, and then
            how many more there are.
    """

    def __init__(self, problems: list[Problem]) -> None:
        """Take what was found.

        Args:
            problems: At least one.
        """
        self.all = tuple(problems)
        self.problems = tuple(first_of(problems))
        super().__init__("; ".join(f"{p.path}: {p.message}" for p in self.problems))


def problems_of(
    error: ValidationError, *models: type[BaseModel], prefix: str = ""
) -> list[Problem]:
    """Translate pydantic's findings.

    Args:
        error: What pydantic found.
        models: The models whose keys may stand at the top, for hints.
        prefix: What each path begins with.

    Returns:
        The same findings as problems, with a remedy where one is known.
    """
    found, hints = [], 0
    for item in error.errors(include_url=False, include_input=False):
        path = prefix
        for part in item["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{part}"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            hints += 1
            known = keys_of(*_models_at(models, item["loc"][:-1])) if hints <= _MOST_HINTS else ()
            hint = did_you_mean(str(item["loc"][-1]), known) if known else ""
            message = f"is not a known key{hint}"
        elif item["type"] == "missing":
            message = "is required"
        found.append(Problem(path[:_LONGEST_PATH], message))
    return found


def _models_at(
    models: tuple[type[BaseModel], ...], place: tuple[int | str, ...]
) -> tuple[type[BaseModel], ...]:
    """Return the models whose keys may stand at a place below `models`."""
    for part in place:
        if isinstance(part, int):
            continue
        fields = [
            info
            for model in models
            for name, info in model.model_fields.items()
            if part in (name, info.alias)
        ]
        if fields:
            models = tuple(inner for info in fields for inner in models_in(info.annotation))
    return models


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in models_in(part)]


def keys_of(*models: type[BaseModel]) -> set[str]:
    """Return the keys that documents of these models may have.

    Args:
        models: The models, whose keys are put together.

    Returns:
        Aliases where fields have one, else names.
    """
    return {field.alias or name for model in models for name, field in model.model_fields.items()}
