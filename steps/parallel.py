"""parallel: run branches concurrently, each as a child run, until enough have completed."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from engine import AwaitsChildren, Json, JsonObject, RunError, scope_with
from engine.counted import counted
from steps.children.enough import NO_OTHERS, STOPPED, Enough, Others, not_enough, wanted
from steps.children.failure import shown_failure
from steps.children.usage import record_usage
from steps.contract.step_type import (
    BODY_KEYS,
    Done,
    Outcome,
    Problem,
    StepInput,
    StepSettings,
    StepType,
)
from steps.document.shape import Identifier, Scope
from steps.effects.child_runs import ChildPlan, ChildrenEnded, ChildrenOpen, ChildRun
from steps.effects.effects import Effects
from steps.language.allowance import Allowance
from steps.language.condition import Condition, compiled_condition
from steps.language.expression import ExpressionError
from steps.language.nearest import did_you_mean
from steps.language.template import Template
from steps.language.template_places import APART, DECIDES

_MOST = 100
NEEDS = "needs"
"""The key in a branch's data with the results of the branches that it needs."""

Parts: TypeAlias = Annotated[list[dict[str, Any]] | None, APART]
Names: TypeAlias = Annotated[list[Identifier], Field(min_length=1, max_length=_MOST)]
When: TypeAlias = Annotated[Condition | None, DECIDES]


class Branch(Scope):
    """One branch: steps of its own, or a workflow."""

    steps: Parts = Field(None, description="its steps, as in a document; they begin with the "
                         "data of the run, and their changes stay inside the branch")  # fmt: skip
    edges: Parts = Field(None, description="the edges between its steps; a step without an "
                         "outgoing edge ends the branch, and its output is the result")  # fmt: skip
    initialStep: Identifier | None = Field(  # noqa: N815 - the document's word
        None, description="the first step; default: the first in `steps`"
    )
    workflow: str | None = Field(
        None, max_length=200,
        description="instead of steps: a workflow's id, or `#name` for one of the document's own",
    )  # fmt: skip
    version: str | None = Field(
        None, max_length=100, description="the version of that workflow, as in call-workflow"
    )
    given: Template | None = Field(
        None, alias="with", description="an object of templates: the whole data of the branch"
    )
    when: When = Field(None, description="a condition; if it is false, the step leaves the "
                       "branch out")  # fmt: skip
    needs: list[Identifier] = Field(
        [],
        max_length=_MOST,
        description="names of branches that must complete before it begins; their results are "
        "in its `data.needs`, by name",
    )
    note: str | None = Field(
        None, max_length=10_000, description="a note for people who edit the definition"
    )


class ParallelSettings(StepSettings):
    """The branches, and how many must complete."""

    branches: dict[Identifier, Branch] = Field(
        min_length=1, max_length=_MOST, description="the branches by name"
    )
    enough: Enough | Names = Field(
        "all",
        description="how many branches must complete: `all`, `any` (or `first`) for one, a "
        "number, or a list of names; the step completes after that, once the `others` have "
        "stopped",
    )
    others: Others = Field(
        "cancel",
        description="what happens to running branches when enough have completed: `continue` "
        "lets them run on by themselves",
    )
    onBranchError: Literal["fail", "continue"] = Field(  # noqa: N815
        "fail",
        description="whether the step fails when too few branches can still complete, or "
        "returns failures as values",
    )
    concurrency: int = Field(
        _MOST, ge=1, le=_MOST, description="the largest number of branches that are open at once"
    )


class Parallel(StepType[ParallelSettings]):
    """Runs branches concurrently and completes when enough of them have completed.

    Each branch is a child run. The output is an object with each branch's result by its name; the
    result is null for a branch that was stopped, has failed, or was left out by its `when`. With
    `onBranchError: continue` the value of a failed branch is an object with `error`: `type`,
    `message` and `runId`. Templates of `output` may also name `response.completed`,
    `response.failed`, `response.stopped` and `response.skipped`, which are lists of branch names.
    Conditions are evaluated once, when the step begins; `all` means all branches whose `when` was
    true, possibly none.

    With `needs` the branches form a graph: each begins when all branches that it needs have
    completed, and is skipped if one of them is skipped or has failed. Templates of its `with` may
    also read their results, by name, in `data.needs`.

    With `others: continue`, branches that are still running when enough have completed continue by
    themselves, and `response.left` is an object with their `runId` by name. The run continues and
    ends without them. They remain its child runs: a cancel or a terminate of the run stops them,
    and they are deleted together with it, but not before they have ended. Their results and `usage`
    are not added to the run. If one fails, [triggers on ends of
    runs](../triggers.md#when-another-run-has-ended) see it as a run of its own.
    """

    type = "parallel"
    settings = ParallelSettings
    built_in = True
    given_to_bodies: ClassVar[Mapping[str, JsonObject]] = {NEEDS: {"type": "object"}}
    given_to_templates = (NEEDS,)
    resumable = True
    own_errors = False
    errors = {
        "NotEnough": "so many branches have failed that `enough` can complete no more; the message "
        "has the error of each; retried: branches that have completed are not run again",
        "TooDeep": "the branch already has 20 ancestor runs",
        "Timeout": "the branches took longer than the step's `timeout`",
    }
    example = {
        "id": "check",
        "type": "parallel",
        "branches": {
            "stock": {
                "steps": [
                    {
                        "id": "ask",
                        "type": "call-api",
                        "url": "https://stock.example.com/items/{{ data.sku }}",
                    }
                ]
            },
            "credit": {"workflow": "credit-check", "with": {"customer": "{{ data.customer }}"}},
        },
        "output": {"inStock": {"type": "boolean", "value": "{{ result.stock.inStock }}"}},
    }

    def check(
        self, settings: ParallelSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Require one kind of body in each branch, enough branches, and no circular `needs`."""
        for name, branch in settings.branches.items():
            yield from _branch_problems(f"branches.{name}", branch)
            yield from _unknown(branch.needs, settings.branches, f"branches.{name}.needs")
        needs = {name: set(branch.needs) for name, branch in settings.branches.items()}
        if circle := circle_in(needs):
            message = f"go in a circle, so that none begins: {' needs '.join(circle)}"
            yield Problem(f"branches.{circle[0]}.needs", message)
        most = len(settings.branches)
        if isinstance(settings.enough, int) and settings.enough > most:
            yield Problem(
                "enough", f"{counted(most, 'branch', 'branches')} can complete, fewer than must"
            )
        if isinstance(settings.enough, list):
            yield from _unknown(settings.enough, settings.branches, "enough")

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse settings about other branches if there are none."""
        return {"others": NO_OTHERS} if document.get("enough", "all") == "all" else {}

    def bodies(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return the branches that have steps of their own."""
        branches = document.get("branches")
        for name, branch in branches.items() if isinstance(branches, dict) else ():
            if isinstance(branch, dict) and "steps" in branch:
                own = {key: item for key, item in branch.items() if key in BODY_KEYS}
                yield name, f"branches.{name}", own

    def calls(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Return the workflows that branches name."""
        branches = document.get("branches")
        for name, branch in branches.items() if isinstance(branches, dict) else ():
            if isinstance(branch, dict) and isinstance(branch.get("workflow"), str):
                yield f"branches.{name}.workflow", branch["workflow"]

    async def execute(
        self, settings: ParallelSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Start the branches that are due, and deliver when enough have completed."""
        names = await _chosen(settings, step, effects)
        plan = _plan(settings, step, names)
        stand = await effects.children(plan)
        if isinstance(stand, ChildrenOpen):
            return AwaitsChildren(stand.total, stand.pause)
        await record_usage(stand.ends, step, effects)
        completed = [end.number for end in stand.ends if end.error is None]
        if not (plan.keep_going or plan.has_enough(completed)):
            raise not_enough(plan, stand.ends, names.__getitem__)
        return _delivered(settings, names, plan, stand)


def _plan(settings: ParallelSettings, step: StepInput, names: list[str]) -> ChildPlan:
    numbers = {name: number for number, name in enumerate(names)}
    some, enough = frozenset[int](), settings.enough
    if isinstance(enough, list):
        some = frozenset(numbers[name] for name in enough if name in numbers)
        enough = len(some)

    async def after(number: int, results: Mapping[int, Json]) -> ChildRun:
        needed = {names[at]: result for at, result in results.items()}
        return await _child(settings, step, names[number], needed)

    return ChildPlan(
        first=0,
        total=len(names),
        child=lambda number: _child(settings, step, names[number]),
        concurrency=settings.concurrency,
        keep_going=settings.onBranchError == "continue",
        enough=wanted(enough, len(names)),
        alike=_alike(settings, names),
        others_go_on=settings.others == "continue",
        named=some,
        needs={numbers[name]: frozenset(numbers[one] for one in needed) for name in names
               if (needed := settings.branches[name].needs)},
        after=after,
    )  # fmt: skip


def _alike(settings: ParallelSettings, names: list[str]) -> dict[int, frozenset[int]]:
    """Return for each branch those that call the same workflow in the same version."""
    called = [(settings.branches[name].workflow, settings.branches[name].version) for name in names]
    numbers: dict[tuple[str | None, str | None], set[int]] = {}
    for number, which in enumerate(called):
        numbers.setdefault(which, set()).add(number)
    return {number: frozenset(numbers[which]) for number, which in enumerate(called)}


async def _chosen(settings: ParallelSettings, step: StepInput, effects: Effects) -> list[str]:
    """Return the branches whose condition is true; the choice is fixed for the whole visit."""
    names = list(settings.branches)
    if all(branch.when is None for branch in settings.branches.values()):
        return names

    async def choose() -> Json:
        return [name for name in names if await _holds(settings.branches[name].when, step)]

    chosen = await effects.record("branches", choose)
    assert isinstance(chosen, list)  # noqa: S101 - what `choose` has given
    skipped = set(names).difference(chosen)
    while more := {name for name in set(names) - skipped
                   if not skipped.isdisjoint(settings.branches[name].needs)}:  # fmt: skip
        skipped |= more
    return [name for name in names if name not in skipped]


async def _holds(when: str | None, step: StepInput) -> bool:
    return when is None or bool(await compiled_condition(when).evaluated(step.scope))


def _unknown(named: list[str], branches: Mapping[str, Branch], path: str) -> Iterator[Problem]:
    for index, name in enumerate(named):
        if name not in branches:
            message = f"there is no branch {name}{did_you_mean(name, branches)}"
            yield Problem(f"{path}[{index}]", message)


def circle_in(needs: Mapping[str, set[str]]) -> list[str]:
    """Return a circle of names, with the first one repeated at the end; empty if there is none."""
    left = {name: set(needed) & needs.keys() for name, needed in needs.items()}
    while free := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in free:
            del left[name]
    way = [min(left)] if left else []
    while way and way[-1] not in way[:-1]:
        way.append(min(left[way[-1]] & left.keys()))
    return way[way.index(way[-1]) :] if way else []


def _branch_problems(path: str, branch: Branch) -> Iterator[Problem]:
    if (branch.steps is None) == (branch.workflow is None):
        yield Problem(path, "needs `steps` of its own or a `workflow`, and not both")
    if branch.given is not None and not isinstance(branch.given.source, dict):
        yield Problem(f"{path}.with", "must be an object of templates")
    if branch.workflow is None and branch.version is not None:
        yield Problem(f"{path}.version", "is for a branch that names a `workflow`")
    if branch.workflow and branch.workflow.startswith("#") and branch.version is not None:
        yield Problem(f"{path}.version", "a workflow of the document has the document's version")
    for key in BODY_KEYS[1:]:
        name = "finally_" if key == "finally" else key
        if branch.steps is None and getattr(branch, name) is not None:
            yield Problem(f"{path}.{key}", "is for a branch with `steps`")


async def _child(
    settings: ParallelSettings, step: StepInput, name: str, needed: "JsonObject | None" = None
) -> ChildRun:
    """Return a branch as a child run. Each has its own journal entry, so its own allowance."""
    branch = settings.branches[name]
    is_inline = branch.workflow is None
    called = name if branch.workflow is None else branch.workflow
    own: JsonObject = {} if needed is None else {NEEDS: needed}
    data = step.scope["data"]
    assert isinstance(data, Mapping)  # noqa: S101 - it is the data of a run
    scope = scope_with(step.scope, {"data": {**data, **own}}) if own else step.scope
    try:
        with Allowance():
            given = own if branch.given is None else await branch.given.rendered(scope)
    except ExpressionError as failed:
        error = RunError(None, "ExpressionFailed", str(failed), retryable=False)
        return ChildRun(called, branch.version, {}, error, is_inline)
    assert isinstance(given, dict)  # noqa: S101 - `check` asks for an object of templates
    inherits = is_inline and branch.given is None
    return ChildRun(called, branch.version, given, None, is_inline, inherits)


def _delivered(
    settings: ParallelSettings, names: list[str], plan: ChildPlan, stand: ChildrenEnded
) -> Done:
    results: dict[str, Json] = dict.fromkeys(settings.branches)
    lists: dict[str, list[Json]] = {"completed": [], "failed": [], "stopped": []}
    open_ones = set(names)
    for end in stand.ends:
        name = names[end.number]
        open_ones.discard(name)
        if end.error is None:
            results[name] = end.result
            lists["completed"].append(name)
        elif end.error.type in STOPPED and settings.enough != "all":
            lists["stopped"].append(name)
        else:
            lists["failed"].append(name)
            if settings.onBranchError == "continue":
                results[name] = {"error": shown_failure(end, end.error)}
    left: JsonObject = {names[number]: run_id for number, run_id in stand.left.items()}
    lost = plan.without([end.number for end in stand.ends if end.error]) if plan.needs else ()
    never = {names[number] for number in lost} & open_ones
    lists["stopped"] += [name for name in names if name in open_ones - never - left.keys()]
    begun = set(names) - never
    lists["skipped"] = [name for name in settings.branches if name not in begun]
    response: JsonObject = {**lists, "left": left}
    return Done(results, {"response": response})
