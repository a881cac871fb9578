"""Parts that the JSON of many answers has in common."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

Time = Annotated[
    str, Field(examples=["2026-01-31T12:00:00Z"], json_schema_extra={"format": "date-time"})
]
RunId = Annotated[str, Field(examples=["dynamic-workflow-1769860800000"])]
DefinitionId = Annotated[str, Field(examples=["customer-onboarding"])]
StepId = Annotated[str, Field(examples=["review"])]
Version = Annotated[str, Field(examples=["1.0.0"])]
Cursor = Annotated[str, Field(examples=["1769860800000"])]
RunCursor = Annotated[str, Field(examples=["1769860800000.1769860800000"])]
Values = Annotated[dict[str, Any], Field(examples=[{"customerName": "John Doe"}])]
ErrorType = Annotated[str, Field(examples=["HttpStatus"])]
Message = Annotated[str, Field(examples=["the server answered 404"])]
Milliseconds = Annotated[int, Field(description="milliseconds", examples=[1_200])]
Done = Annotated[bool, Field(description="always true", examples=[True])]

IGNORED = "set by the server; ignored when a received object is sent back"
ByServer = Annotated[str, Field(description=IGNORED)]
TimeByServer = Annotated[str, Field(description=IGNORED, json_schema_extra={"format": "date-time"})]

RunStatus = TypeAliasType(
    "RunStatus", Literal["completed", "running", "paused", "failed", "cancelled", "terminated"]
)
DefinitionStatus = TypeAliasType(
    "DefinitionStatus", Literal["draft", "testing", "published", "archived"]
)


class DoneToId(TypedDict):
    """The operation was applied to the object with this id."""

    success: Done
    id: Annotated[str, Field(examples=["customer-onboarding"])]


class DoneToName(TypedDict):
    """The operation was applied to the object with this name."""

    success: Done
    name: Annotated[str, Field(examples=["REGISTRY_TOKEN"])]


class Problem(TypedDict):
    """A problem and its location."""

    path: Annotated[str, Field(examples=["steps[0].type"])]
    message: Annotated[str, Field(examples=["cal-api is not a known step type"])]
