"""call-workflow: start a child run, or one for each item of a list, and wait for them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from engine import AwaitsChildren, Json, JsonObject, RunError, StepError
from steps.children.enough import NO_OTHERS, STOPPED, Enough, Others, not_enough, wanted
from steps.children.failure import as_of_child, shown_failure
from steps.children.usage import record_usage
from steps.contract.step_type import (
    ITEM,
    Done,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.document.shape import Identifier
from steps.effects.child_runs import ChildEnd, ChildPlan, ChildrenOpen, ChildRun
from steps.effects.effects import Effects
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.operations import kind_of
from steps.language.template import Template
from steps.language.template_places import APART

MOST_ITEMS = 100_000
_MOST_ERRORS = 100
_WAITING = ("concurrency", "onItemError", "enough", "others", "collect")
_NO_WAIT = "with `wait: false` the step waits for no run"
_BODY = ("steps", "edges", "initialStep")
_OWN_STEPS = "the step has `steps` of its own, which belong to this version of the document"
_FOR_ITEMS = "it is for one child run for each of `items`, which the step does not have"


Parts: TypeAlias = Annotated[list[dict[str, Any]] | None, APART]


class CallWorkflowSettings(StepSettings):
    """The workflow that is called, its input, and how often it is called."""

    workflowId: Template | None = Field(  # noqa: N815 - the document's word
        None, description="the id of the workflow, or `#name` for one of the document's own"
    )
    steps: Parts = Field(
        None,
        description="instead of a workflow, with `items`: the steps that each item goes "
        "through, as in a document",
    )
    edges: Parts = Field(
        None, description="the edges between these steps; a step without an outgoing edge ends "
        "the item, and its output is the result"
    )  # fmt: skip
    initialStep: Identifier | None = Field(  # noqa: N815 - the document's word
        None, description="the first step of each item; default: the first in `steps`"
    )
    version: str | None = Field(
        None,
        max_length=100,
        description="`latest`, `published` or a number; default: the published version, or the "
        "latest if none is published",
    )
    data: Template | None = Field(
        None,
        description="the child's input: an object of templates, or a template that gives an "
        "object; default: nothing, or with `steps` the data of the run with `item` and `index`",
    )
    items: Template | None = Field(
        None,
        description="a template that gives a list: one child run for each item, "
        "with `item` and `index` in scope of `data`",
    )
    wait: bool = Field(
        True,
        description="`false` starts without waiting: each run is independent and has no parent, "
        "and the step's output has its id",
    )
    concurrency: int = Field(
        10,
        ge=1,
        le=1_000,
        description="the largest number of these child runs that are open at once",
    )
    onItemError: Literal["fail", "continue"] = Field(  # noqa: N815
        "fail", description="whether a failed item fails the step at once, or the others continue"
    )
    enough: Enough = Field(
        "all",
        description="how many items must complete: `all`, `any` (or `first`) for one, or a "
        "number; the step completes after that, once the `others` have stopped",
    )
    others: Others = Field(
        "cancel",
        description="what happens to running items when enough have completed: `continue` lets "
        "them run on by themselves",
    )
    collect: Literal["data", "result"] | None = Field(
        None,
        description="what each child run delivers: its `data`, the default for a workflow, or "
        "its `result`, the default for `steps`",
    )


class CallWorkflow(StepType[CallWorkflowSettings]):
    """Starts child runs and completes when they have ended.

    Without `items` its output is the child's data (or result). With `items` the output is an
    object: `outputs`, a list in the order of the items with null for those that failed; `errors`, a
    list of `index`, `runId`, `type` and `message`; `completed` and `failed`, the counts. With
    `enough`, items that were stopped or not begun are also null, and are counted as neither. With
    `others: continue` there is also `left`, a list of `index` and `runId` of the items that
    continue.

    With `steps` each item goes through steps of the document itself. They begin with the data of
    the run, and have the item at `data.item` and its number at `data.index`. With `data` they begin
    with the value of `data` alone. Their changes stay inside the item.

    With `wait: false` the output is `runId`, or with `items` the list `runIds`. Such runs are
    started exactly once, even if a crash interrupts the step. They are not child runs: they
    continue when this run ends, a cancel does not reach them, a `budget` and the `usage` of this
    run do not include them, and their failures are not reported to it. `startedBy` in their status
    names this run.
    """

    type = "call-workflow"
    settings = CallWorkflowSettings
    built_in = True
    names = {"workflowId": "workflow"}
    given_to_bodies: ClassVar[Mapping[str, JsonObject]] = {"item": {}, "index": {"type": "integer"}}
    resumable = True
    errors = {
        "UnknownWorkflow": "there is no such workflow or version, or it is archived",
        "InvalidInput": "the data does not fit the payload of the workflow that is called",
        "InvalidItems": "`items` or `workflowId` gives something else than it should",
        "NotEnough": "so many items have failed that `enough` can complete no more; the message "
        "has the errors of the first few; retried: items that have completed are not run again",
        "TooDeep": "the run to be started already has 20 ancestor runs",
        "ChildCancelled": "the child run was cancelled",
        "ChildTerminated": "the child run was terminated",
        "Timeout": "the child runs took longer than the step's `timeout`",
    }
    example = {
        "id": "check-lines",
        "type": "call-workflow",
        "workflowId": "check-line",
        "items": "{{ data.lines }}",
        "data": {"line": "{{ item }}", "number": "{{ index }}"},
        "concurrency": 5,
        "onItemError": "continue",
        "output": {"checked": {"type": "array", "value": "{{ result.outputs }}"}},
    }

    def check(
        self, settings: CallWorkflowSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Require exactly one thing to call, and refuse data that is not an object."""
        if (settings.workflowId is None) == (settings.steps is None):
            yield Problem("workflowId", "name a workflow, or give `steps` for `items`; not both")
        elif settings.steps is not None and settings.items is None:
            message = "are for each of `items`; for steps that run once there is the type group"
            yield Problem("steps", message)
        elif settings.steps is None:
            for key in _BODY[1:]:
                if getattr(settings, key) is not None:
                    yield Problem(key, "is for a step with `steps`")
        if settings.data is not None and not isinstance(settings.data.source, dict | str):
            yield Problem("data", "must be an object of templates, or a template that gives one")

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse settings for many child runs if there is only one."""
        if document.get("wait") is False:
            own = "put the steps into the document's `workflows`, and call them as `#name`"
            without = {**dict.fromkeys(_WAITING, _NO_WAIT), "steps": f"{_NO_WAIT}; {own}"}
            return {**self.unused, **without}
        others = {} if document.get("enough", "all") != "all" else {"others": NO_OTHERS}
        if document.get("steps") is not None:
            return {**self.unused, **others, "version": _OWN_STEPS}
        if document.get("items") is not None:
            return {**self.unused, **others}
        only = ("concurrency", "onItemError", "enough", "others")
        return {**self.unused, **dict.fromkeys(only, _FOR_ITEMS)}

    def has_items(self, document: Mapping[str, Any], path: str) -> bool:
        """Return whether a template is evaluated for each item."""
        return document.get("items") is not None and path.startswith(("data", "workflowId"))

    def bodies(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return the steps that each item goes through."""
        if "steps" in document:
            yield ITEM, "", {key: document[key] for key in _BODY if key in document}

    async def execute(
        self, settings: CallWorkflowSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Start the child runs that are due, and deliver when all have ended."""
        items = await _items(settings, step)
        total = 1 if items is None else len(items)
        if not settings.wait:
            return await _started(settings, step, items, effects)
        least = None if settings.enough == "all" else wanted(settings.enough, total)
        plan = ChildPlan(
            first=0,
            total=total,
            child=lambda index: _child(settings, step, items, index),
            concurrency=settings.concurrency,
            keep_going=items is not None and settings.onItemError == "continue",
            enough=least,
            others_go_on=settings.others == "continue",
        )
        stand = await effects.children(plan)
        if isinstance(stand, ChildrenOpen):
            return AwaitsChildren(stand.total, stand.pause)
        await record_usage(stand.ends, step, effects)
        if least is not None and not plan.keep_going:
            if sum(end.error is None for end in stand.ends) < least:
                raise not_enough(plan, stand.ends, lambda number: f"item {number}")
        elif not plan.keep_going:
            for end in stand.ends:
                if end.error:
                    raise as_of_child(end, end.error)
        taken = [_taken(settings, end) for end in stand.ends]
        if items is None:
            return Done(taken[0], {"response": {"runId": stand.ends[0].run_id}})
        summary = _summary(stand.ends, taken, total, may_stop=least is not None)
        if plan.others_go_on:
            summary["left"] = [{"index": at, "runId": left} for at, left in stand.left.items()]
        return Done(summary)


async def _started(
    settings: CallWorkflowSettings, step: StepInput, items: list[Json] | None, effects: Effects
) -> Done:
    """Start runs without waiting for them; runs started before a crash are kept."""
    run_ids: list[Json] = []
    first: dict[tuple[str, str | None], str] = {}  # one step starts one version of a workflow
    for number in range(1 if items is None else len(items)):
        child = await _child(settings, step, items, number)
        if child.refused:
            raise StepBroke(child.refused.type, child.refused.message, retryable=False)
        which = (child.workflow_id, child.version)
        run_id = await effects.start_detached(child, number, first.get(which))
        first.setdefault(which, run_id)
        run_ids.append(run_id)
    return Done({"runId": run_ids[0]} if items is None else {"runIds": run_ids})


async def _items(settings: CallWorkflowSettings, step: StepInput) -> list[Json] | None:
    if settings.items is None:
        return None
    items = await settings.items.rendered(step.scope)
    if not isinstance(items, list) or len(items) > MOST_ITEMS:
        given = f"{len(items):,} items" if isinstance(items, list) else kind_of(items)
        message = f"items must give a list of at most {MOST_ITEMS:,} items, not {given}"
        raise StepBroke("InvalidItems", message, retryable=False)
    return items


async def _child(
    settings: CallWorkflowSettings, step: StepInput, items: list[Json] | None, index: int
) -> ChildRun:
    names = dict(step.scope)
    if items is not None:
        names |= {"item": items[index], "index": index}
    # Each child has a journal entry of its own, so each has an allowance of its own.
    with Allowance():
        return await _child_in(settings, names)


async def _child_in(settings: CallWorkflowSettings, names: JsonObject) -> ChildRun:
    is_inline = settings.workflowId is None
    workflow_id = await _workflow_id(settings, names)
    if isinstance(workflow_id, StepError):
        if settings.items is None or settings.onItemError == "fail":
            raise StepBroke(workflow_id.type, workflow_id.message, retryable=False)
        error = RunError(None, workflow_id.type, workflow_id.message, retryable=False)
        return ChildRun("", settings.version, {}, error)
    if settings.data is None:
        own: JsonObject = {"item": names["item"], "index": names["index"]} if is_inline else {}
        return ChildRun(workflow_id, settings.version, own, None, is_inline, inherits=is_inline)
    try:
        data = await settings.data.rendered(names)
    except ExpressionError as failed:
        error = RunError(None, "ExpressionFailed", str(failed), retryable=False)
        return ChildRun(workflow_id, settings.version, {}, error, is_inline)
    if not isinstance(data, dict):
        error = RunError(None, "InvalidInput", "data must give an object", retryable=False)
        return ChildRun(workflow_id, settings.version, {}, error, is_inline)
    return ChildRun(workflow_id, settings.version, data, None, is_inline)


async def _workflow_id(
    settings: CallWorkflowSettings, names: Mapping[str, Json]
) -> str | StepError:
    """Return the workflow or the body that is called, or the error if there is none."""
    if settings.workflowId is None:
        return ITEM
    try:
        workflow_id = await settings.workflowId.rendered(names)
    except ExpressionError as failed:
        return StepError("ExpressionFailed", str(failed))
    if not isinstance(workflow_id, str):
        return StepError("InvalidItems", "workflowId must give a text")
    return workflow_id


def _taken(settings: CallWorkflowSettings, end: ChildEnd) -> Json:
    if end.error:
        return None
    collect = settings.collect or ("data" if settings.steps is None else "result")
    return end.result if collect == "result" else end.data


def _summary(
    ends: Sequence[ChildEnd], taken: list[Json], total: int, *, may_stop: bool
) -> JsonObject:
    """Return the output of many items; with `may_stop`, stopped items are not failures."""
    outputs: list[Json] = [None] * total
    errors: list[Json] = []
    completed = 0
    for end, item in zip(ends, taken, strict=True):
        outputs[end.number] = item
        if end.error is None:
            completed += 1
        elif not (may_stop and end.error.type in STOPPED):
            errors.append({"index": end.number, **shown_failure(end, end.error)})
    failed = len(errors)
    return {
        "outputs": outputs, "errors": errors[:_MOST_ERRORS],
        "completed": completed, "failed": failed,
    }  # fmt: skip
