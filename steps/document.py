"""The shape of a definition document: what its keys are and what they may hold."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from engine import OnInterrupted
from steps.durations import Duration

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Retry(_Part):
    """When a failed attempt is followed by another."""

    maxAttempts: int = Field(3, ge=1, le=1_000)  # noqa: N815 - the document's word
    initialInterval: Duration = 1_000  # noqa: N815
    backoffCoefficient: float = Field(2.0, ge=1, le=100)  # noqa: N815
    maximumInterval: Duration = 60_000  # noqa: N815
    nonRetryableErrors: list[str] = []  # noqa: N815


class CommonStep(_Part):
    """The keys that every step may have."""

    id: Identifier
    type: str
    name: str | None = Field(None, max_length=200)
    description: str | None = Field(None, max_length=2_000)
    output: dict[str, Any] = {}
    retry: Retry | None = None
    timeout: Duration | None = None
    onInterrupted: OnInterrupted = OnInterrupted.RETRY  # noqa: N815


class EdgeDocument(_Part):
    """A way from one step to another."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    condition: str | None = None
    on: Literal["success", "error", "timeout", "cancel"] = "success"


class WorkflowDocument(_Part):
    """A whole definition; steps are checked one by one, each against its type."""

    id: Identifier | None = None
    name: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=2_000)
    status: Literal["draft", "testing"] = "draft"
    initialStep: str  # noqa: N815
    steps: list[dict[str, Any]] = Field(min_length=1, max_length=1_000)
    edges: list[EdgeDocument] = Field([], max_length=5_000)
    payload: dict[str, Any] = {}
    maxStepExecutions: int = Field(1_000, ge=1, le=100_000)  # noqa: N815
