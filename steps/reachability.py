"""Whether a run can get everywhere it should: from the first step, and to an end."""

from collections.abc import Iterable, Mapping

from steps.contract import Problem


def reachability_problems(
    initial: str, places: Mapping[str, int], ends: set[str], edges: Iterable[tuple[str, str]]
) -> list[Problem]:
    """Find steps that no run can reach, and steps from which no run can end.

    `places` gives each step's index in the document.
    """
    forward: dict[str, list[str]] = {}
    backward: dict[str, list[str]] = {}
    for source, target in edges:
        forward.setdefault(source, []).append(target)
        backward.setdefault(target, []).append(source)
    reached = _closure([initial], forward)
    ending = _closure(ends, backward)
    problems = [
        Problem(
            f"steps[{index}]", f"step {step} cannot be reached from {initial}: add an edge to it"
        )
        for step, index in places.items()
        if step not in reached
    ]
    problems += [
        Problem(
            f"steps[{index}]", f"no end can be reached from step {step}: lead it to an end-flow"
        )
        for step, index in places.items()
        if step not in ending
    ]
    return problems


def _closure(starts: Iterable[str], ways: Mapping[str, list[str]]) -> set[str]:
    seen, todo = set(starts), list(starts)
    while todo:
        for step in ways.get(todo.pop(), ()):
            if step not in seen:
                seen.add(step)
                todo.append(step)
    return seen
