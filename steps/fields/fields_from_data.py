"""Fields of a question whose choices and limits come from the run's data."""

from collections.abc import Iterator, Mapping
from typing import Any

from engine import Json
from steps.contract.step_type import Problem
from steps.fields.fields import LIMITS
from steps.language.expression import ExpressionError
from steps.language.template import Template

_CHOSEN = ("string", "number", "integer")
COUNTS = ("minItems", "maxItems")


def templates_in(specs: Any, path: str) -> Iterator[tuple[str, Json]]:
    """Return the templates of fields, each with its path.

    Args:
        specs: Specs by name, as a definition has them.
        path: The prefix of each path.

    Returns:
        Paths and sources.
    """
    for name, spec in specs.items() if isinstance(specs, dict) else ():
        if isinstance(spec, dict):
            where = f"{path}.{name}"
            if "choices" in spec:
                yield f"{where}.choices", spec["choices"]
            yield from ((f"{where}.{key}", spec[key]) for key in LIMITS if is_template(spec, key))
            yield from templates_in(spec.get("properties"), f"{where}.properties")
            yield from templates_in({"items": spec.get("items")}, where)


def specs_of_actions(step: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the fields that the actions of a step ask for.

    Args:
        step: The step in its definition, whose values may be anything.

    Returns:
        For each action with fields, their path in the step and the specs by name.
    """
    actions = step.get("actions")
    for index, action in enumerate(actions if isinstance(actions, list) else ()):
        fields = action.get("fields") if isinstance(action, dict) else None
        if isinstance(fields, dict):
            yield f"actions[{index}].fields", fields


def templates_asked(step: Mapping[str, Any], *, of_output: bool) -> Iterator[tuple[str, Json]]:
    """Return the templates of all fields that a step asks for.

    Args:
        step: The step in its definition, whose values may be anything.
        of_output: Whether it also asks for the fields of its output.

    Returns:
        The path of each in the step, and its source.
    """
    if of_output:
        yield from templates_in(step.get("output"), "output")
    for place, specs in specs_of_actions(step):
        yield from templates_in(specs, place)


def plain_specs(specs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specs of fields without the parts that come from data."""
    return {name: plain_spec(spec) for name, spec in specs.items()}


def from_data_problems(specs: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Find the problems of the choices and limits of fields.

    Args:
        specs: Specs by name, as a definition has them.
        path: The prefix of each problem's path.

    Returns:
        The problems; empty if there are none.
    """
    for where, source in templates_in(specs, path):
        is_choice = where.endswith(".choices")
        if is_choice and not isinstance(source, str | list):
            message = "must be a list, or a template that gives one, such as {{ data.accounts }}"
            yield Problem(where, message)
            continue
        try:
            template = Template(source)
        except ExpressionError as wrong:
            yield Problem(where, str(wrong))
            continue
        if isinstance(source, str) and template.is_constant:
            named = "list" if is_choice else "number"
            yield Problem(where, f"must be a {named}, or a template that gives one")
    for name, spec in specs.items():
        if isinstance(spec, dict):
            yield from _unfit(spec, f"{path}.{name}")


def is_template(spec: Mapping[str, Any], key: str) -> bool:
    """Return whether a limit of a field comes from data."""
    return isinstance(spec.get(key), str)


def plain_spec(spec: Any) -> Any:
    """Return the spec of a field without the parts that come from data."""
    if not isinstance(spec, dict):
        return spec
    plain = {
        key: item
        for key, item in spec.items()
        if key != "choices" and not (key in LIMITS and isinstance(item, str))
    }
    if isinstance(spec.get("properties"), dict):
        plain["properties"] = plain_specs(spec["properties"])
    if "items" in spec:
        plain["items"] = plain_spec(spec["items"])
    return plain


def _unfit(spec: Mapping[str, Any], where: str) -> Iterator[Problem]:
    kind = spec.get("type")
    named = f"a field of type {kind}" if isinstance(kind, str) else "a field without a type"
    if "choices" in spec:
        if kind not in _CHOSEN:
            instead = "; say it in `items`" if kind == "array" else ""
            message = f"has no effect on {named}, only on {', '.join(_CHOSEN)}{instead}"
            yield Problem(f"{where}.choices", message)
        if "enum" in spec or "const" in spec:
            yield Problem(f"{where}.choices", "give either choices or enum")
    for key in LIMITS:
        kinds = ("array",) if key in COUNTS else ("number", "integer")
        if is_template(spec, key) and kind not in kinds:
            message = f"has no effect on {named}, only on {kinds[0]}"
            yield Problem(f"{where}.{key}", message)
    nested = spec.get("properties")
    for name, inner in nested.items() if isinstance(nested, dict) else ():
        if isinstance(inner, dict):
            yield from _unfit(inner, f"{where}.properties.{name}")
    if isinstance(spec.get("items"), dict):
        yield from _unfit(spec["items"], f"{where}.items")
