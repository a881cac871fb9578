"""group: run steps as one unit, with a timeout, error handling and clean-up."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from engine import AwaitsChildren, JsonObject
from steps.children.failure import as_of_child
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
from steps.document.concurrency import Limited
from steps.document.shape import Handlers, Identifier
from steps.effects.child_runs import ChildPlan, ChildrenOpen, ChildRun
from steps.effects.effects import Effects
from steps.language.template import Template
from steps.language.template_places import APART

Parts: TypeAlias = Annotated[list[dict[str, Any]], APART]


class GroupSettings(Handlers, StepSettings):
    """The steps of the group, and their settings."""

    steps: Parts = Field(
        min_length=1,
        description="its steps, as in a document; they begin with the data of the run, and "
        "their changes stay inside the group",
    )
    edges: Parts = Field(
        [], description="the edges between its steps; a step without an outgoing edge ends the "
        "group, and its output is the result"
    )  # fmt: skip
    initialStep: Identifier | None = Field(  # noqa: N815 - the document's word
        None, description="the first step; default: the first in `steps`"
    )
    given: Template | None = Field(
        None, alias="with", description="an object of templates: the whole data of the group"
    )
    concurrency: Limited = Field(
        None, description="how many runs of groups, branches and workflows with its `pool` may "
        "be in progress at once, and what happens to others"
    )  # fmt: skip


class Group(StepType[GroupSettings]):
    """Runs steps as one unit: with a timeout, with `onError` for failures, and `finally`.

    The group is a child run. A failure that nothing inside the group handles enters its `onError`.
    If there is none, or it fails too, the step fails with the same error and takes its own `on:
    "error"` edge. A cancel leads to the group's `finally`, and then to the step's `on: "cancel"`
    edge. `timeout` limits the group without its `onError` and `finally`; when it passes, the group
    fails with `Timeout` like any other failure inside it. The result is that of the last step, or
    of an `end-flow`. Templates of `output` may also name `response.data`, the group's data at its
    end, and `response.runId`.
    """

    type = "group"
    settings = GroupSettings
    built_in = True
    resumable = True
    bounds_itself = True
    errors = {
        "TooDeep": "the group already has 20 ancestor runs",
        "ChildCancelled": "the run of the group was cancelled",
        "ChildTerminated": "the run of the group was terminated",
        "Timeout": "the steps took longer than `timeout`",
    }
    example = {
        "id": "pay",
        "type": "group",
        "timeout": "2h",
        "steps": [
            {"id": "reserve", "type": "call-api", "method": "POST",
             "url": "https://stock.example.com/reservations", "body": {"sku": "{{ data.sku }}"}},
            {"id": "charge", "type": "call-api", "method": "POST",
             "url": "https://bank.example.com/charges", "body": {"amount": "{{ data.amount }}"}},
            {"id": "note", "type": "set",
             "values": {"charged": False, "why": "{{ error.message }}"}},
            {"id": "release", "type": "call-api", "method": "DELETE",
             "url": "https://stock.example.com/reservations/{{ data.sku }}"},
        ],
        "edges": [{"from": "reserve", "to": "charge"}],
        "onError": "note",
        "finally": "release",
        "output": {"payment": {"type": "object", "value": "{{ result }}"}},
    }  # fmt: skip

    def check(self, settings: GroupSettings, output: Mapping[str, JsonObject]) -> Iterator[Problem]:
        """Refuse data that is not an object."""
        if settings.given is not None and not isinstance(settings.given.source, dict):
            yield Problem("with", "must be an object of templates")

    def bodies(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return the group's own steps."""
        if "steps" in document:
            yield "", "", {key: document[key] for key in BODY_KEYS if key in document}

    async def execute(self, settings: GroupSettings, step: StepInput, effects: Effects) -> Outcome:
        """Start the run of the group, and deliver when it has ended."""
        given = settings.given
        data = {} if given is None else await given.rendered(step.scope)
        assert isinstance(data, dict)  # noqa: S101 - `check` asks for an object of templates
        child = ChildRun("", None, data, is_inline=True, inherits=given is None)
        stand = await effects.children(ChildPlan(first=0, total=1, child=lambda _: child))
        if isinstance(stand, ChildrenOpen):
            return AwaitsChildren(stand.total, stand.pause)
        await record_usage(stand.ends, step, effects)
        (end,) = stand.ends
        if end.error:
            raise as_of_child(end, end.error)
        return Done(end.result, {"response": {"runId": end.run_id, "data": end.data}})
