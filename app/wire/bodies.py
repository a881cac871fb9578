"""The bodies and queries of requests, checked by the models that the API page is made from."""

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from app.wire.errors import BadRequest
from app.wire.run_history import MOST_VISITS
from steps.document.problems import problems_of
from steps.language.durations import duration_ms

M = TypeVar("M", bound=BaseModel)

LONGEST_COMMENT = 10_000
"""Characters of what is said beside an answer."""

MOST_ATTACHED = 20
"""Files that may belong to one answer."""


POSITION = r"^[0-9]{1,15}\.[0-9]{1,18}$"
"""A place in the list of runs, as the list gives it."""


INBOX_POSITION = r"^([0-9]{1,15})?\.[0-9]{1,15}\.[0-9]{1,18}$"
"""A place in the inbox, as it gives it."""

LABELS = r"^[A-Za-z0-9_.-]{1,64}:."
"""Labels as a query names them."""


def _flag(text: object) -> bool:
    if isinstance(text, bool):
        return text
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return text == "true"


Flag = Annotated[bool, BeforeValidator(_flag)]
"""A yes or no in a query."""


def _length(text: object) -> object:
    duration_ms(text)
    return text


Length = Annotated[str, AfterValidator(_length)]
"""A duration in a query."""


WaitingFor = Literal["retry", "time"]
WAITING_FOR = Field(
    None, description="runs whose step waits for its next attempt (`retry`), or sleeps (`time`)"
)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class StartBody(_Model):
    """What a run is started with."""

    data: dict[str, Any] = Field({}, description="input payload matching the expected inputs")
    version: str | None = Field(None, description="latest, published, or a version number")


class ResumeBody(_Model):
    """A person's answer to a pause."""

    type: Literal["collect_inputs", "request_user_action"]
    data: dict[str, Any] | None = Field(
        None,
        description="the fields that are asked for, by collect_inputs or by the chosen action; "
        "other arguments, for a tool call",
    )
    actionId: str | None = None  # noqa: N815 - the contract's word
    actionValue: str | None = None  # noqa: N815
    comment: str | None = Field(None, max_length=LONGEST_COMMENT)
    attachments: list[str] | None = Field(
        None, max_length=MOST_ATTACHED, description="ids of uploaded files that belong to it"
    )
    stepId: str | None = Field(None, description="the step whose pause is meant")  # noqa: N815
    pauseId: str | None = Field(  # noqa: N815
        None, max_length=200, description="the pause that is meant, as `pauseSignal` names it"
    )
    runId: str | None = Field(  # noqa: N815
        None, description="the run whose pause is meant, where a child run asks"
    )
    seen: str | None = Field(
        None, max_length=64, description="the hash of what was seen, as the inbox gives it"
    )


class ClaimBody(_Model):
    """Which question is claimed, or released."""

    pauseId: str | None = Field(  # noqa: N815
        None, max_length=200, description="the pause that is meant; the open one without it"
    )
    comment: str | None = Field(None, max_length=2_000, description="why, for the history")


class DelegateBody(ClaimBody):
    """Who is to answer a question from now on."""

    to: str = Field(max_length=200, description="the name of a person or a group")


class InboxQuery(_Model):
    """Which part of the inbox is wanted."""

    whose: Literal["all", "mine", "groups"] = Field(
        "all", description="all that the caller may see, what names them, or one of their groups"
    )
    workflowId: str | None = Field(None, max_length=200)  # noqa: N815
    text: str | None = Field(
        None, min_length=1, max_length=200, description="words of the run's title or labels"
    )
    pauseId: str | None = Field(None, pattern=r"^[0-9]{1,18}-[0-9]{1,9}$")  # noqa: N815
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(
        None, pattern=INBOX_POSITION, description="nextCursor of the answer before"
    )


class ControlBody(_Model):
    """Which run to cancel or terminate."""

    runId: str  # noqa: N815
    workflowId: str | None = None  # noqa: N815
    reason: str | None = Field(None, max_length=2_000)


class BulkFilter(_Model):
    """Which runs are meant; what is not given does not filter."""

    status: (
        Literal["running", "paused", "completed", "failed", "cancelled", "terminated"] | None
    ) = None
    workflowId: str | None = Field(None, max_length=200)  # noqa: N815
    parentRunId: str | None = Field(None, max_length=64)  # noqa: N815
    topLevel: bool = Field(False, strict=True)  # noqa: N815
    label: str | None = Field(None, max_length=1_000, pattern=LABELS)
    text: str | None = Field(None, min_length=1, max_length=200)
    stepId: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200, description="the step that it is in, or failed in"
    )
    errorType: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200, description="with which error it failed"
    )
    startedBy: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=500, description="who started it, such as `user:ada`"
    )
    longerThan: Length | None = Field(  # noqa: N815
        None, description="took at least so long until its end, such as `10m`"
    )
    shorterThan: Length | None = Field(None, description="took less")  # noqa: N815
    waitingFor: WaitingFor | None = WAITING_FOR  # noqa: N815
    since: datetime | None = Field(None, description="started at or after (ISO date with zone)")
    until: datetime | None = Field(None, description="started before (ISO date with zone)")
    runIds: list[str] | None = Field(None, min_length=1, max_length=500)  # noqa: N815

    @field_validator("since", "until")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        return zoned(value)


class BulkRerun(_Model):
    """How each of many runs is run again."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, validate_by_name=True, validate_by_alias=True
    )

    begin: Literal["failure", "start"] = Field(
        "failure", alias="from", description="where it failed or was stopped, or its beginning"
    )
    version: str | None = Field(
        None, max_length=100, description="another version: a number, `latest` or `published`"
    )
    data: dict[str, Any] = Field({}, description="fields that replace those of each run")
    keepCalls: bool = Field(False, strict=True, description="as for one run")  # noqa: N815
    operation: str = Field(
        min_length=8,
        max_length=100,
        description="a name of your own, such as a UUID: each run is run again once for it, "
        "however often it is asked",
    )


class BulkBody(_Model):
    """What to do with many runs; delete takes an owner.

    delete and rerun mean runs that have ended and are no child runs, all else those that have not.
    """

    action: Literal["cancel", "terminate", "delete", "hold", "release", "tryNow", "giveUp", "rerun"]
    rerun: BulkRerun | None = Field(None, description="for the action rerun")
    filter: BulkFilter = Field(description="which runs; `{}` means all that the action fits")
    reason: str | None = Field(None, max_length=2_000)
    limit: int = Field(
        1_000, ge=1, le=10_000, strict=True, description="how many runs to look at, at most"
    )
    cursor: str | None = Field(
        None, pattern=POSITION, description="nextCursor of the answer before"
    )
    dryRun: bool = Field(False, strict=True, description="count the runs and change nothing")  # noqa: N815


class PublishBody(_Model):
    """Which version to publish; the newest when none is given."""

    version: str | None = None


class ListDefinitionsQuery(_Model):
    """Which workflows or agents to list."""

    search: str | None = Field(None, max_length=200)
    status: Literal["draft", "testing", "published", "archived"] | None = None
    includeArchived: Flag = False  # noqa: N815
    limit: int | None = Field(None, ge=1, le=10_000)
    offset: int = Field(0, ge=0, le=2**31)


class ListVersionsQuery(_Model):
    """Which versions to list; all of them without a limit."""

    limit: int | None = Field(None, ge=1, le=10_000)
    offset: int = Field(0, ge=0, le=2**31)


class VersionQuery(_Model):
    """Which version is meant."""

    version: str = Field("latest", max_length=100)


class StartQuery(_Model):
    """Which version to start; the body counts first."""

    version: str | None = Field(None, max_length=100)


class ListRunsQuery(_Model):
    """Which runs to list."""

    status: (
        Literal["running", "paused", "completed", "failed", "cancelled", "terminated"] | None
    ) = None
    workflowId: str | None = None  # noqa: N815
    parentRunId: str | None = Field(None, max_length=64)  # noqa: N815
    topLevel: Flag = Field(False, description="without runs that other runs started")  # noqa: N815
    label: str | None = Field(
        None, max_length=1_000, pattern=LABELS, description="as `customer:ACME`; several by commas"
    )
    text: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="words of titles and labels, or of the data at the start, or their "
        "beginnings; also the id of a run",
    )
    stepId: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200, description="the step that it is in, or failed in"
    )
    errorType: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200, description="with which error it failed"
    )
    startedBy: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=500, description="who started it, such as `user:ada`"
    )
    longerThan: Length | None = Field(  # noqa: N815
        None, description="took at least so long until its end, such as `10m`"
    )
    shorterThan: Length | None = Field(None, description="took less")  # noqa: N815
    waitingFor: WaitingFor | None = WAITING_FOR  # noqa: N815
    since: datetime | None = Field(None, description="started at or after (ISO date with zone)")
    until: datetime | None = Field(None, description="started before (ISO date with zone)")
    sort: Literal["-startTime", "startTime", "-endTime", "endTime", "-duration", "duration"] = (
        Field("-startTime", description="in which order; `-` has the newest or the longest first")
    )
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = Field(
        None, pattern=POSITION, description="nextCursor of the answer before"
    )

    @field_validator("since", "until")
    @classmethod
    def _with_zone(cls, value: datetime | None) -> datetime | None:
        return zoned(value)

    @field_validator("sort")
    @classmethod
    def _sorted(cls, value: str, info: ValidationInfo) -> str:
        if not value.endswith("startTime") and (info.data.get("text") or info.data.get("label")):
            raise ValueError("must be startTime or -startTime where text or label is given")
        return value


class StatusQuery(_Model):
    """Which part of a run's history is shown."""

    historyLimit: int = Field(  # noqa: N815
        MOST_VISITS, ge=1, le=MOST_VISITS, description="the newest so many visits of steps"
    )
    historyCursor: str | None = Field(  # noqa: N815
        None, pattern=r"^[0-9]{1,9}$", description="historyCursor of the answer before"
    )


class NoQuery(_Model):
    """No parameters."""


def zoned(value: datetime | None) -> datetime | None:
    """Return a moment that has a zone. Raises `ValueError` for others."""
    if value is not None and value.tzinfo is None:
        raise ValueError("must have a time zone, such as 2026-01-31T12:00:00Z")
    return value


@cache
def without_query(model: type[M]) -> M:
    """Return the model of a query that is empty. Raises `BadRequest`."""
    return checked(model, {})


def checked(model: type[M], values: Any, where: str = "") -> M:
    """Return the model of some values. Raises `BadRequest` that names every problem."""
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        problems = problems_of(invalid, model, prefix=where)
        raise BadRequest("the request is not acceptable", problems) from invalid
