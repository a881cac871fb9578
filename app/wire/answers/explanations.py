"""The JSON of explanations of values, for the API description."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.wire.answers.parts import RunId, StepId, Time


class Made(TypedDict):
    """An expression that made a value."""

    place: Annotated[str, Field(description="in the step", examples=["output.total.value"])]
    expression: Annotated[str, Field(examples=["response.body.total"])]
    reads: Annotated[list[str], Field(examples=[["steps.fetch.output"]])]


Path = Annotated[str, Field(examples=["result.total"])]
EventNumber = Annotated[int, Field(description="the event's number in the run", examples=[9])]


class Explained(TypedDict):
    """One value, and what made it."""

    path: Path
    kind: Annotated[
        Literal[
            "input", "step", "person", "service", "tool", "model", "agent", "workflow", "signal",
            "earlierRun", "caller", "variable", "constant", "secret", "clock", "item", "run",
            "error", "unknown",
        ],
        Field(description="who or what wrote the value"),
    ]  # fmt: skip
    from_: Annotated[
        list[int],
        Field(alias="from", description="indexes in `chain` of the values it was made from"),
    ]
    value: NotRequired[Any]
    valueLeftOut: NotRequired[
        Annotated[int, Field(description="the length of the value, in characters")]
    ]
    stepId: NotRequired[StepId]
    stepType: NotRequired[str]
    stepName: NotRequired[str]
    visit: NotRequired[int]
    event: NotRequired[EventNumber]
    time: NotRequired[Time]
    service: NotRequired[Annotated[str, Field(description="address, tool, model or workflow")]]
    by: NotRequired[Annotated[str, Field(description="the person", examples=["user:ada"])]]
    reason: NotRequired[str]
    runId: NotRequired[RunId]
    made: NotRequired[list[Made]]


class Reached(TypedDict):
    """A step that read the value, or something made from it."""

    stepId: StepId
    stepName: str
    stepType: str
    visit: int
    event: EventNumber
    place: str
    expression: str
    path: Path
    isDirect: bool


class Explanation(TypedDict):
    """Where a value came from, and what it influenced."""

    path: Path
    value: Any
    chain: list[Explained]
    reached: list[Reached]
    isCut: Annotated[bool, Field(description="whether there is more than is shown")]
