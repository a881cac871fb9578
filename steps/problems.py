"""Pydantic's findings as problems: a path in the document's notation, and a remedy."""

from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from steps.contract import Problem
from steps.nearest import did_you_mean


class InvalidDefinition(Exception):
    """A document is no usable definition; `problems` are all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.path}: {p.message}" for p in problems))


def problems_of(error: ValidationError, known: Iterable[str], prefix: str = "") -> list[Problem]:
    """Translate every finding; `known` are the keys of the model's top level."""
    found = []
    for item in error.errors(include_url=False):
        path = prefix
        for part in item["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{part}"
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            hint = did_you_mean(str(item["loc"][-1]), known) if len(item["loc"]) == 1 else ""
            message = f"is not a known key{hint}"
        elif item["type"] == "missing":
            message = "is required"
        found.append(Problem(path, message))
    return found


def keys_of(*models: type[BaseModel]) -> set[str]:
    """Return the keys that documents of these models may have."""
    return {field.alias or name for model in models for name, field in model.model_fields.items()}
