"""Definitions as they are run: checked and compiled."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine import Graph, Json, JsonObject, OnInterrupted
from engine.value import value
from steps.contract.step_type import AnyStepType, StepSettings
from steps.document.captions import CaptionTemplates
from steps.document.concurrency import Places
from steps.fields.fields import Fields
from steps.language.template import Template


@dataclass(slots=True)
class Asked:
    """What a step that comes with the server has been asked once, and always answers the same.

    Attributes:
        acts: Whether it would act on the world; None before it has been asked.
    """

    acts: bool | None = None


@value(frozen=True, slots=True)
class CompiledStep:
    """One step, ready to be executed.

    Attributes:
        id: Its id in the definition.
        type: Its step type.
        settings: The settings of its own, checked.
        output: The declared output fields.
        values: The templates of those output fields that have one.
        timeout_ms: How long one attempt may take, in milliseconds; None: no limit.
        on_interrupted: What becomes of it when a crash meets it, as the definition says.
        given: What its expressions may name beside the scope of a run: `constants`.
        gives_address: Whether its settings name `step.callbackUrl`.
        asked: What it has answered.
    """

    id: str
    type: AnyStepType
    settings: StepSettings
    output: Fields
    values: Mapping[str, Template]
    timeout_ms: int | None
    on_interrupted: OnInterrupted = OnInterrupted.RETRY
    given: Mapping[str, Json] = field(default_factory=dict)
    gives_address: bool = False
    asked: Asked = field(default_factory=Asked, compare=False, repr=False)


@value(frozen=True, slots=True)
class Definition:
    """One version of a workflow, ready to be run.

    Attributes:
        document: The definition as it was saved.
        name: What people call it.
        description: What it does.
        status: `draft` or `testing`, as the document says.
        graph: Its steps and edges, as the engine walks them.
        steps: Its steps by id, ready to be executed.
        payload: The fields of its input.
        sensitive: The names of data whose values are sealed.
        variables: The names of the tenant's variables that its expressions use, or may.
        budget: What the models of a run may cost, with all runs below it; None: no budget.
        captions: How its runs get titles and labels; None: they have none.
        places: Which place each of its runs needs; None: as many may be under way as are started.
        path: Which body of the document this is; empty for the whole of it.
        bodies: All bodies of the document by their paths, the same for each of them.
    """

    document: JsonObject
    name: str
    description: str
    status: str
    graph: Graph
    steps: Mapping[str, CompiledStep]
    payload: Fields
    variables: frozenset[str] = frozenset()
    budget: float | None = None
    sensitive: frozenset[str] = frozenset()
    captions: CaptionTemplates | None = None
    places: Places | None = None
    path: str = ""
    bodies: Mapping[str, "Definition"] = field(default_factory=dict, repr=False, compare=False)

    def input_fields(self) -> Mapping[str, JsonObject]:
        """Return what a start expects: the payload, or the first collect-inputs step's fields."""
        first = self.steps[self.graph.initial]
        if not self.payload.specs and first.type.type == "collect-inputs":
            return first.output.specs
        return self.payload.specs
