"""The action that an answer to a pause names."""

from collections.abc import Iterable

from engine import JsonObject
from steps.contract.step_type import Problem


def action_problems(pause: JsonObject, answer: JsonObject, values: Iterable[str]) -> list[Problem]:
    """Find what is wrong with the action of an answer.

    Args:
        pause: The body of the pause.
        answer: The body of the answer.
        values: The values of the actions that the pause offers.

    Returns:
        The problems: it answers something else, or names no action of the pause.
    """
    problems = []
    if answer.get("actionId") != pause["actionId"]:
        problems.append(Problem("actionId", f"must be {pause['actionId']!r}"))
    known = list(values)
    if answer.get("actionValue") not in known:
        problems.append(Problem("actionValue", f"must be one of {', '.join(known)}"))
    return problems
