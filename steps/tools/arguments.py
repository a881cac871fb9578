"""Checks the arguments of a tool, against its JSON Schema or by its model."""

import contextlib
import copy
import itertools
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from engine import JsonObject
from steps.contract.step_type import Problem
from steps.fields.fields import place_in

_SHOWN = 5
_LONGEST = 300


class UnusableSchema(ValueError):
    """A tool's schema is not a valid JSON Schema, or refers to something that it lacks."""


class ArgumentsSchema:
    """The schema of one tool's arguments, ready to check them. Raises `UnusableSchema`."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        import jsonschema_rs

        try:
            # Offline, because a schema must not make this process fetch its references; and a
            # pattern that backtracks too long is aborted instead of blocking the event loop.
            self._validator = jsonschema_rs.validator_for(
                dict(schema),
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000),
            )
        except (jsonschema_rs.ReferencingError, ValueError) as odd:
            raise UnusableSchema(str(odd)) from odd

    def problems(self, arguments: Mapping[str, Any], path: str) -> list[Problem]:
        """Return the first few problems; each path begins with `path`."""
        errors = itertools.islice(self._validator.iter_errors(dict(arguments)), _SHOWN)
        return [
            Problem(place_in(path, error.instance_path), str(error.message)[:_LONGEST])
            for error in errors
        ]


def argument_problems(
    schema: Mapping[str, Any], arguments: Mapping[str, Any], path: str
) -> list[Problem]:
    """Return the problems of arguments; none if the schema cannot be used."""
    try:
        return ArgumentsSchema(schema).problems(arguments, path)
    except UnusableSchema:
        return []


def with_whole_numbers(arguments: JsonObject, refused: ValidationError) -> "JsonObject | None":
    """Return arguments with 1 for 1.0 where a whole number was wanted; None if that is nowhere.

    1.0 is a whole number, as in JSON Schema: some models write every number so.

    Args:
        arguments: The arguments; they are not changed.
        refused: Why a strict check has refused them.
    """
    places = [
        error["loc"]
        for error in refused.errors(include_url=False, include_context=False)
        if error["type"] == "int_type"
        and isinstance(error["input"], float)
        and error["input"].is_integer()
    ]
    if not places:
        return None
    whole: Any = copy.deepcopy(arguments)
    for place in places:
        holder = whole
        with contextlib.suppress(LookupError, TypeError):  # a part names one kind among several
            for key in place:
                found = holder[key]
                if isinstance(found, float):
                    holder[key] = int(found)
                holder = found
    return dict(whole)
