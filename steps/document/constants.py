"""The constants of a document, which are evaluated once when it is compiled."""

from collections.abc import Mapping

from engine import Json, JsonObject
from steps.contract.step_type import Problem
from steps.language.expression import ExpressionError
from steps.language.findings.words import findings_in
from steps.language.template import Template

_NAMES = frozenset({"constants"})


def constants_of(written: Mapping[str, Json]) -> tuple[JsonObject, list[Problem]]:
    """Return the constants of a document, each of which may name the earlier ones."""
    made: JsonObject = {}
    problems: list[Problem] = []
    for name, source in written.items():
        path = f"constants.{name}"
        try:
            template = Template(source)
            problems += [Problem(path, message) for message in _misuses(template)]
            if len(problems) == 0:
                made[name] = template.render({"constants": made})
        except ExpressionError as wrong:
            problems.append(Problem(path, str(wrong)))
    return made, problems


def _misuses(template: Template) -> list[str]:
    found = []
    for expression in template.expressions():
        if others := sorted(expression.names - _NAMES):
            found.append(f"a constant may name constants only, and not {others[0]}")
        if expression.tells_time:
            found.append("a constant has no now(): it is worked out once, for all runs")
        found += findings_in(expression.node)
    return found
