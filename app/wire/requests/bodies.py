"""Request bodies and queries, checked by the models from which the API description is made."""

from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from app.wire.parsing.errors import BadRequest
from app.wire.requests.history_page import MOST_VISITS
from app.wire.requests.query_values import Flag, Length, Moment, Whole
from steps.document.problems import problems_of

M = TypeVar("M", bound=BaseModel)

LONGEST_COMMENT = 10_000
"""The most characters in the comment of an answer."""

MOST_ATTACHED = 20
"""The most files that may belong to one answer."""


POSITION = r"^[0-9]{1,15}\.[0-9]{1,18}$"
"""A cursor into the list of runs, as the list returns it."""


INBOX_POSITION = r"^([0-9]{1,15})?\.[0-9]{1,15}\.[0-9]{1,18}$"
"""A cursor into the inbox, as the inbox returns it."""

LABELS = r"^[A-Za-z0-9_.-]{1,64}:."
"""Labels in the form that queries use."""


WaitingFor = Literal["retry", "time"]
WAITING_FOR = Field(
    None, description="runs whose step waits for its next attempt (`retry`) or sleeps (`time`)"
)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class StartBody(_Model):
    """The body of a start."""

    data: dict[str, Any] = Field(
        {}, description="the input of the run, matching the inputs of the workflow"
    )
    version: str | None = Field(None, description="latest, published, or a version number")


class ResumeBody(_Model):
    """A person's answer to a pause."""

    type: Literal["collect_inputs", "request_user_action"]
    data: dict[str, Any] | None = Field(
        None,
        description="the requested fields, by collect_inputs or by the chosen action; for a tool "
        "call, changed arguments",
    )
    actionId: str | None = None  # noqa: N815 - the contract's word
    actionValue: str | None = None  # noqa: N815
    comment: str | None = Field(None, max_length=LONGEST_COMMENT)
    attachments: list[str] | None = Field(
        None,
        max_length=MOST_ATTACHED,
        description="ids of uploaded files that belong to the answer",
    )
    stepId: str | None = Field(None, description="the step whose pause is answered")  # noqa: N815
    pauseId: str | None = Field(  # noqa: N815
        None, max_length=200, description="the pause to answer, as `pauseSignal` names it"
    )
    runId: str | None = Field(  # noqa: N815
        None, description="the run whose pause is answered, if a child run asks"
    )
    seen: str | None = Field(
        None, max_length=64, description="the hash of the question as it was seen, from the inbox"
    )


class ClaimBody(_Model):
    """Which question to claim or release."""

    pauseId: str | None = Field(  # noqa: N815
        None, max_length=200, description="the pause to claim or release; without it, the open one"
    )
    comment: str | None = Field(
        None, max_length=2_000, description="the reason, recorded in the history"
    )


class DelegateBody(ClaimBody):
    """Who is to answer a question from now on."""

    to: str = Field(max_length=200, description="the name of a person or a group")


class InboxQuery(_Model):
    """Which part of the inbox to list."""

    whose: Literal["all", "mine", "groups"] = Field(
        "all",
        description="all that the caller may see, those addressed to the caller, or those "
        "addressed to one of their groups",
    )
    workflowId: str | None = Field(None, min_length=1, max_length=200)  # noqa: N815
    text: str | None = Field(
        None, min_length=1, max_length=200,
        description="words that begin words of the run's title or labels, or of what the question "
        "says and shows; a page looks at 1,000 questions",
    )  # fmt: skip
    pauseId: str | None = Field(None, pattern=r"^[0-9]{1,18}-[0-9]{1,9}$")  # noqa: N815
    limit: Whole = Field(50, ge=1, le=500)
    cursor: str | None = Field(
        None, pattern=INBOX_POSITION, description="nextCursor of the answer before"
    )


class ControlBody(_Model):
    """Which run to cancel or terminate."""

    runId: str  # noqa: N815
    workflowId: str | None = None  # noqa: N815
    reason: str | None = Field(None, max_length=2_000)


class _RunConditions(_Model):
    """The conditions on runs that lists and commands for many runs share."""

    status: (
        Literal["running", "paused", "completed", "failed", "cancelled", "terminated"] | None
    ) = None
    workflowId: str | None = Field(None, min_length=1, max_length=200)  # noqa: N815
    parentRunId: str | None = Field(None, min_length=1, max_length=64)  # noqa: N815
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
    since: Moment | None = Field(None, description="started at or after (ISO date with zone)")
    until: Moment | None = Field(None, description="started before (ISO date with zone)")


class BulkFilter(_RunConditions):
    """Which runs to select; fields left out do not filter."""

    topLevel: bool = Field(False, strict=True)  # noqa: N815
    label: str | None = Field(None, max_length=1_000, pattern=LABELS)
    text: str | None = Field(None, min_length=1, max_length=200)
    runIds: list[str] | None = Field(None, min_length=1, max_length=500)  # noqa: N815


class BulkRerun(_Model):
    """How to rerun each of many runs."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, validate_by_name=True, validate_by_alias=True
    )

    begin: Literal["failure", "start"] = Field(
        "failure", alias="from", description="where the run failed or was stopped, or its beginning"
    )
    version: str | None = Field(
        None, max_length=100, description="another version: a number, `latest` or `published`"
    )
    data: dict[str, Any] = Field({}, description="fields that replace those of each run")
    keepCalls: bool = Field(False, strict=True, description="as for the rerun of one run")  # noqa: N815
    operation: str = Field(
        min_length=8,
        max_length=100,
        description="an id of your choice, such as a UUID: each run is rerun once for it, however "
        "often the request is sent",
    )


class BulkBody(_Model):
    """A command for many runs; `delete` requires the role owner.

    The actions delete and rerun apply to ended runs that are not child runs; all others to open
    runs.
    """

    action: Literal["cancel", "terminate", "delete", "hold", "release", "tryNow", "giveUp", "rerun"]
    rerun: BulkRerun | None = Field(None, description="required by the action rerun")
    filter: BulkFilter = Field(
        description="the runs to select; `{}` means all to which the action applies"
    )
    reason: str | None = Field(None, max_length=2_000)
    limit: int = Field(1_000, ge=1, le=10_000, strict=True, description="the most runs to look at")
    cursor: str | None = Field(
        None, pattern=POSITION, description="nextCursor of the answer before"
    )
    dryRun: bool = Field(False, strict=True, description="only count the runs; change nothing")  # noqa: N815


class PublishBody(_Model):
    """Which version to publish; the newest if none is given."""

    version: str | None = None


class ListDefinitionsQuery(_Model):
    """Which workflows or agents to list."""

    search: str | None = Field(None, max_length=200)
    status: Literal["draft", "testing", "published", "archived"] | None = None
    includeArchived: Flag = False  # noqa: N815
    limit: Whole | None = Field(None, ge=1, le=10_000)
    offset: Whole = Field(0, ge=0, le=2**31)


class ListVersionsQuery(_Model):
    """Which versions to list; without a limit, all of them."""

    limit: Whole | None = Field(None, ge=1, le=10_000)
    offset: Whole = Field(0, ge=0, le=2**31)


class VersionQuery(_Model):
    """Which version to use."""

    version: str = Field("latest", max_length=100)


class StartQuery(_Model):
    """Which version to start, unless the body names it."""

    version: str | None = Field(None, max_length=100)


class ListRunsQuery(_RunConditions):
    """Which runs to list."""

    topLevel: Flag = Field(False, description="leave out runs that other runs started")  # noqa: N815
    label: str | None = Field(
        None,
        max_length=1_000,
        pattern=LABELS,
        description="such as `customer:ACME`; several separated by commas",
    )
    text: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="words of titles, labels or input data, or their beginnings; also the id of a "
        "run",
    )
    sort: Literal["-startTime", "startTime", "-endTime", "endTime", "-duration", "duration"] = (
        Field("-startTime", description="the order; `-` puts the newest or the longest first")
    )
    limit: Whole = Field(50, ge=1, le=500)
    cursor: str | None = Field(
        None, pattern=POSITION, description="nextCursor of the answer before"
    )

    @field_validator("sort")
    @classmethod
    def _sorted(cls, value: str, info: ValidationInfo) -> str:
        if not value.endswith("startTime") and (info.data.get("text") or info.data.get("label")):
            raise ValueError("must be startTime or -startTime if text or label is given")
        return value


class StatusQuery(_Model):
    """Which part of a run's history to show."""

    historyLimit: Whole = Field(  # noqa: N815
        MOST_VISITS,
        ge=1,
        le=MOST_VISITS,
        description="how many of the newest visits of steps to show",
    )
    historyCursor: str | None = Field(  # noqa: N815
        None, pattern=r"^[0-9]{1,9}$", description="historyCursor of the answer before"
    )


class NoQuery(_Model):
    """No parameters."""


class NoBody(_Model):
    """No keys."""


@cache
def without_query(model: type[M]) -> M:
    """Return the model of an empty query. Raises `BadRequest`."""
    return checked(model, {})


def checked(model: type[M], values: Any, where: str = "") -> M:
    """Return a model of the given values. Raises `BadRequest` that names every problem."""
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        problems = problems_of(invalid, model, prefix=where)
        raise BadRequest("the request is not acceptable", problems) from invalid
