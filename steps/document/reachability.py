"""Checks that a run can reach every step from the first one, and an end from every step."""

from collections.abc import Iterable, Mapping, Sequence

from steps.contract.step_type import Problem


def reachability_problems(
    starts: Sequence[str], places: Mapping[str, int], ends: set[str],
    edges: Sequence[tuple[str, str]],
) -> list[Problem]:  # fmt: skip
    """Find steps that no run can reach, and steps from which no run can end.

    A run begins with the first of `starts`; `places` maps each step to its index in the document.
    """
    reached = closure(starts, edges)
    ending = closure(ends, [(target, source) for source, target in edges])
    problems = [
        Problem(
            f"steps[{index}]", f"step {step} cannot be reached from {starts[0]}: add an edge to it"
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


def closure(starts: Iterable[str], edges: Iterable[tuple[str, str]]) -> set[str]:
    """Return the steps that are reachable over edges from some steps, including those."""
    targets: dict[str, list[str]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    seen, todo = set(starts), list(starts)
    while todo:
        for step in targets.get(todo.pop(), ()):
            if step not in seen:
                seen.add(step)
                todo.append(step)
    return seen
