"""Compiled definitions, ready to run."""

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
    """An answer of a built-in step type that is the same every time, so it is asked only once.

    Attributes:
        acts: Whether the step acts on the outside world; None before it has been asked.
    """

    acts: bool | None = None


@value(frozen=True, slots=True)
class CompiledStep:
    """One compiled step.

    Attributes:
        id: Its id in the definition.
        type: Its step type.
        settings: Its own settings after validation.
        output: The declared output fields.
        values: The templates of those output fields that have one.
        timeout_ms: How long one attempt may take, in milliseconds; None: no limit.
        on_interrupted: What happens after a crash interrupted it, as the definition says.
        given: The names that its expressions may use beside the scope of a run: `constants`.
        gives_address: Whether its settings name `step.callbackUrl`.
        asked: Answers of its step type that never change.
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
    """One compiled version of a workflow.

    Attributes:
        document: The definition as it was saved.
        name: The name that people see.
        description: What it does.
        status: `draft` or `testing`, as the document says.
        graph: Its steps and edges for the engine.
        steps: Its compiled steps by id.
        payload: The fields of its input.
        sensitive: The names in the data whose values are sealed.
        variables: The names of the tenant's variables that its expressions use or may use.
        budget: The most that the models of a run and of all runs below it may cost; None: no
            budget.
        captions: The templates of its runs' titles and labels; None: they have none.
        places: The place that each of its runs needs; None: the number of runs is not limited.
        path: The body of the document that this is; empty for the whole document.
        bodies: All bodies of the document by their paths, shared by all of them.
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

    @property
    def inputs(self) -> Fields:
        """The fields of a start: the payload, or those of the first collect-inputs step."""
        first = self.steps[self.graph.initial]
        if not self.payload.specs and first.type.type == "collect-inputs":
            return first.output
        return self.payload

    def input_fields(self) -> Mapping[str, JsonObject]:
        """Return the specs of the fields of a start."""
        return self.inputs.specs
