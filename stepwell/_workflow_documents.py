"""The types of workflows' JSON documents, which are plain dicts."""

from typing import Literal, NotRequired, TypeAlias, TypedDict

from stepwell._documents import Json

WorkflowStatus: TypeAlias = Literal["draft", "testing", "published", "archived"]


class WorkflowSummary(TypedDict):
    """A version of a workflow in a list.

    Attributes:
        id: The workflow.
        name: Its name, for people.
        description: What it is for; empty if nobody said.
        status: `draft`, `testing`, `published` or `archived`.
        version: The number of this version.
        createdAt: When the workflow was made, as ISO text.
        updatedAt: When this version was last changed, as ISO text.
    """

    id: str
    name: str
    description: str
    status: WorkflowStatus
    version: str
    createdAt: str
    updatedAt: str


class Workflow(WorkflowSummary):
    """A version of a workflow with its whole definition.

    Attributes:
        initialStep: The step that runs begin with; default: the first.
        steps: The steps, each with its `id`, its `type` and the keys of that type.
        edges: Which step follows which, and when: `from`, `to`, `condition`, `on`.
        payload: The specification of each input, by its name.
        tool: Whether agents may call the workflow as a tool.
        budget: What the models of one run may cost.
        maxStepExecutions: How many visits of steps a run may make.
    """

    initialStep: NotRequired[str]
    steps: list[dict[str, Json]]
    edges: NotRequired[list[dict[str, Json]]]
    payload: NotRequired[dict[str, Json]]
    tool: NotRequired[bool]
    budget: NotRequired[float]
    maxStepExecutions: NotRequired[int]
