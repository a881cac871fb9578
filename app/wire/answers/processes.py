"""The answer about processes, for the API description."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from app.wire.answers.parts import Milliseconds, RunId, StepId, Time


class ProcessShown(TypedDict):
    """A process that shares the journal; a `leaving` one gives its shards away."""

    name: Annotated[str, Field(description="host and process id", examples=["flows-1:4711"])]
    shards: int
    since: Time
    silentFor: Milliseconds
    leaving: bool


class CutOffStep(TypedDict):
    """A step that the end of a process cut off, and that has no result since."""

    runId: RunId
    stepId: StepId
    interruptions: int


class ProcessesAnswer(TypedDict):
    """The processes, the shards of runs that belong to them, and what waits for them."""

    shared: Annotated[bool, Field(description="false with the journal in one folder")]
    processes: list[ProcessShown]
    shards: Annotated[int, Field(examples=[64])]
    shardsWithoutProcess: int
    commandsWaiting: int
    oldestCommandAge: Milliseconds | None
    cutOff: list[CutOffStep]
    cutOffCount: int
