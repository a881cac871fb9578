"""The fields of a question: their choices and limits, evaluated for one pause."""

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from engine import Json, JsonObject
from steps.contract.step_type import MOST_PROBLEMS, InvalidAnswer, Problem, StepBroke
from steps.fields.fields import LIMITS, Fields, validator_of, value_problems
from steps.fields.fields_from_data import COUNTS, is_template, plain_spec
from steps.language.nearest import did_you_mean
from steps.language.operations import shown
from steps.language.template import Template, as_text

FIELD_ERRORS: Mapping[str, str] = {
    "InvalidField": "a template of `choices` or of a limit does not give what belongs there",
}
MOST_CHOICES = 1_000
_LONGEST_LABEL = 200
_PAIRS = (("minimum", "maximum"), ("minItems", "maxItems"))


async def worked_out(specs: Mapping[str, JsonObject], scope: Mapping[str, Json]) -> dict[str, Any]:
    """Return the specs of fields with their choices and limits evaluated for a pause.

    Choices become `enum`, and also `choices` with values and labels if there are labels. A default
    that does not fit is left out, so that the person must choose.

    Args:
        specs: Specs by name.
        scope: The names that expressions may use.

    Returns:
        Specs by name.

    Raises:
        StepBroke: A template gives a value of the wrong kind.
    """
    return {name: await _worked_out(spec, name, scope) for name, spec in specs.items()}


def as_asked(spec: JsonObject, asked: Json) -> JsonObject:
    """Return the spec that an answer is checked against.

    Args:
        spec: The field's spec in the definition.
        asked: The spec in the pause, whose choices and limits apply.

    Returns:
        The spec of the pause; it has its default only if the definition has one too.
    """
    found: JsonObject = {**plain_spec(spec), **(asked if isinstance(asked, dict) else {})}
    return {key: item for key, item in found.items() if key != "default" or "default" in spec}


def accepted(
    specs: Mapping[str, JsonObject], asked: Mapping[str, Json], given: JsonObject
) -> JsonObject:
    """Return the values that an answer gives to fields, with defaults for missing ones.

    Args:
        specs: The specs in the definition, by name.
        asked: The specs in the pause; no other field was asked for.
        given: The values by name.

    Returns:
        The values by name.

    Raises:
        InvalidAnswer: A value is missing, wrong, or was not asked for.
    """
    names = set(asked)
    odd = [name for name in given if name not in names]
    hints = [did_you_mean(name, names) for name in odd[:MOST_PROBLEMS]]  # no more are reported
    problems = [
        Problem(f"data.{name}", f"was not asked for{hint}")
        for name, hint in zip_longest(odd, hints, fillvalue="")
    ]
    checked = Fields({name: as_asked(specs[name], asked[name]) for name in specs if name in names})
    problems += checked.check(given)
    if problems:
        raise InvalidAnswer(problems)
    return checked.with_defaults(given)


async def _worked_out(spec: JsonObject, name: str, scope: Mapping[str, Json]) -> JsonObject:
    found: JsonObject = {**plain_spec(spec)}
    nested, items = spec.get("properties"), spec.get("items")
    if isinstance(nested, dict):
        found["properties"] = {
            key: await _worked_out(inner, f"{name}.{key}", scope)
            for key, inner in nested.items()
            if isinstance(inner, dict)
        }
    if isinstance(items, dict):
        found["items"] = await _worked_out(items, f"{name}.items", scope)
    for key in LIMITS:
        if is_template(spec, key):
            limit = await Template(spec[key]).rendered(scope)
            if limit is not None:
                found[key] = _limit(limit, key, name)
    for least, most in _PAIRS:
        low, high = found.get(least), found.get(most)
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            raise _broke(f"{name} is at least {low} and at most {high}, so nothing fits")
    if "choices" in spec:
        given = await Template(spec["choices"]).rendered(scope)
        found |= _choices(given, name, spec, found)
    default = found.get("default")
    if default is not None and found != spec and _wrong([default], name, found):
        del found["default"]
    return found


def _limit(limit: Json, key: str, name: str) -> Json:
    is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
    if not is_number or (key in COUNTS and (not isinstance(limit, int) or limit < 0)):
        raise _broke(f"{key} of {name} must be a number, not {shown(limit)}")
    return limit


def _choices(given: Json, name: str, spec: JsonObject, found: JsonObject) -> JsonObject:
    if not isinstance(given, list):
        raise _broke(f"choices of {name} must be a list, not {shown(given)}")
    if len(given) > MOST_CHOICES:
        raise _broke(f"choices of {name} are {len(given):,}, and {MOST_CHOICES:,} at most")
    if not given and spec.get("required", True):
        raise _broke(f"choices of {name} are an empty list, so nothing can be chosen")
    options = {json.dumps(one["value"]): one for one in map(_option, given)}
    values: list[Json] = [one["value"] for one in options.values()]
    if wrong := _wrong(values, name, found):
        raise _broke(f"choices of {name}: {wrong.path} {wrong.message}")
    if all("label" not in one for one in options.values()):
        return {"enum": values}
    return {"enum": values, "choices": list(options.values())}


def _option(given: Json) -> JsonObject:
    if not isinstance(given, dict) or "value" not in given:
        return {"value": given}
    if given.get("label") in (None, ""):
        return {"value": given["value"]}
    return {"value": given["value"], "label": as_text(given["label"])[:_LONGEST_LABEL]}


def _wrong(values: Sequence[Json], name: str, found: JsonObject) -> Problem | None:
    validator = validator_of(found)
    for index, item in enumerate(values):
        if not validator.is_valid(item):
            return value_problems(validator, item, f"{name}[{index}]")[0]
    return None


def _broke(message: str) -> StepBroke:
    return StepBroke("InvalidField", message, retryable=False)
