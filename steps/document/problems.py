"""Translates pydantic's errors into problems: a path in the document, and a remedy."""

import re
from collections.abc import Collection

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from steps.contract.step_type import Problem, first_of
from steps.document.error_places import LONGEST_PATH, ErrorPlaces, models_at, path_text
from steps.document.other_engines import key_here
from steps.document.shape_hints import pattern_words, shape_hint
from steps.language.durations import duration_text, is_duration
from steps.language.nearest import did_you_mean
from steps.language.template import UnusableTemplate

_BEGINNINGS = (
    ("Value error, ", ""),
    ("Input should be greater than or equal to", "must be at least"),
    ("Input should be less than or equal to", "must be at most"),
    ("Unable to parse input string as an integer, exceeded maximum size", "must be nearer to 0"),
    ("Input should be ", "must be "),
    ("Input is not ", "must be "),
    ("Value should ", "must "),
    ("Input should ", "must "),
    ("String should ", "must "),
    ("List should ", "must "),
    ("Dictionary should ", "must "),
)
_KINDS = (
    ("a valid dictionary", "an object"),
    ("a valid list", "a list"),
    ("a valid string", "a text"),
    ("a valid integer", "a whole number"),
    ("a valid number", "a number"),
    ("a valid boolean", "true or false"),
    ("a valid datetime", "a date and time with its zone, such as 2026-01-31T12:00:00Z"),
    ("a valid IPv4 network", "an IPv4 network such as 10.0.0.0/8"),
    ("a valid IPv6 network", "an IPv6 network such as fd00::/8"),
)
_STEPS_NAMED = ("onError", "finally", "initialStep")
_MOST_HINTS = 10
"""Keys of one place for which a near match is searched; the search is the costly part."""


class InvalidDefinition(Exception):
    """A document is not a valid definition.

    Attributes:
        all: All problems that were found.
        problems: The reported problems, each with its path in the document: the first fifty, and
            then how many more there are.
    """

    def __init__(self, problems: list[Problem]) -> None:
        """Create the error.

        Args:
            problems: At least one.
        """
        self.all = tuple(dict.fromkeys(problems))
        self.problems = tuple(first_of(self.all))
        super().__init__("; ".join(map(str, self.problems)))


def problems_of(
    error: ValidationError, *models: type[BaseModel], prefix: str = ""
) -> list[Problem]:
    """Translate pydantic's errors.

    Args:
        error: The validation error.
        models: The models whose keys are allowed at the top, for hints.
        prefix: The prefix of each path.

    Returns:
        The same errors as problems, with a remedy if one is known.
    """
    found, hints, places = list[Problem](), 0, ErrorPlaces(models)
    for item in error.errors(include_url=False):
        loc = item["loc"]
        named = places.keys_of(loc)
        path = path_text(named, prefix)
        if isinstance(wrong := item.get("ctx", {}).get("error"), UnusableTemplate):
            found += [Problem(f"{path}{below}"[:LONGEST_PATH], why) for below, why in wrong.found]
            continue
        if item["type"] == "extra_forbidden":
            hints += 1
            known = keys_of(*models_at(models, loc[:-1])) if hints <= _MOST_HINTS else ()
            message = f"is not a known key{_key_hint(str(loc[-1]), known) if known else ''}"
        elif item["type"] == "missing":
            message = "is required"
        else:
            pattern = item.get("ctx", {}).get("pattern", "")
            message = pattern_words(pattern) or _message(item, models)
            if named and named[-1] in _STEPS_NAMED and message == "must be a text":
                message = "must be the id of a step that stands among the others"
            inner = [*dict.fromkeys(models_at(models, loc))]
            below = inner if not named or not set(inner) & set(models) else []
            message += shape_hint(message, str(named[-1]) if named else "", item["input"], below)
            if found and len(named) < len(loc) and found[-1].path == path:
                first = found.pop().message  # another kind of value that is allowed there
                message = f"{first}, or {message.removeprefix('must ').removeprefix('be ')}"
        if len(named) < len(loc) and found and path.startswith(f"{found[-1].path}."):
            found.pop()  # the value is an object, and wrong only inside
        found.append(Problem(path, message))
    return found


def _key_hint(key: str, known: Collection[str]) -> str:
    return key_here(key, known) or did_you_mean(key, known)


def _message(item: ErrorDetails, models: tuple[type[BaseModel], ...]) -> str:
    """Return the message of an error; the limit of a duration is written as a duration."""
    message = _plainly(item["msg"])
    if isinstance(item["input"], str):  # a secret text is counted as a list would be
        message = re.sub(r"\bitems?, not \d+$", "characters", message)
    limit = next(iter(item.get("ctx", {}).values()), None)
    if isinstance(limit, int) and message.endswith(f" {limit}") and _has_duration(item, models):
        return f"{message.removesuffix(str(limit))}{duration_text(limit)}"
    return message


def _has_duration(item: ErrorDetails, models: tuple[type[BaseModel], ...]) -> bool:
    loc = item["loc"]
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    within = models_at(models, loc[: loc.index(name)] if name else ())
    infos = [model.model_fields[name] for model in within if name in model.model_fields]
    return any(is_duration(part) for info in infos for part in (info.annotation, *info.metadata))


def _plainly(message: str) -> str:
    """Return a message of pydantic in the wording of the other problems."""
    for begins, instead in _BEGINNINGS:
        if message.startswith(begins):
            message = instead + message.removeprefix(begins)
            break
    message = message.replace(" after validation", "")
    for what, called in _KINDS:
        if message.startswith(f"must be {what}"):
            return f"must be {called}"
    return message


def keys_of(*models: type[BaseModel]) -> set[str]:
    """Return the keys that documents of these models may have.

    Args:
        models: The models, whose keys are combined.

    Returns:
        The alias of a field if it has one, else its name.
    """
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def with_article(word: str) -> str:
    """Return a word with the article that it has in English: `a step`, `an agent`."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
