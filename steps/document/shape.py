"""The shape of a definition document: its keys and their values."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from engine import OnInterrupted, RetryPolicy
from steps.contract.part import Part
from steps.document.captions import MOST_LABELS
from steps.document.concurrency import Limited
from steps.language.durations import Duration


class AlsoAccepts:
    """Annotates a type whose validator accepts another form too, which its JSON Schema then has."""

    def __init__(self, form: Mapping[str, Any]) -> None:
        self._form = form

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema with both forms."""
        return {"anyOf": [handler(schema), dict(self._form)]}


ALSO_TEXT = AlsoAccepts({"type": "string"})
Retried = Annotated[
    str,
    BeforeValidator(lambda status: str(status) if type(status) is int else status),
    StringConstraints(
        pattern=r"^([1-5]([0-9]{2}|xx)|[A-Za-z][A-Za-z0-9_.-]{0,99}(:[1-5]([0-9]{2}|xx))?)$"
    ),
    AlsoAccepts({"type": "integer", "minimum": 100, "maximum": 599}),
]
LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")]
ShownName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]


class Retry(Part):
    """When a failed attempt is followed by another."""

    maxAttempts: int = Field(  # noqa: N815 - the document's word
        3, ge=1, le=1_000, description="the largest number of attempts, including the first"
    )
    initialInterval: Duration = Field(1_000, description="the wait after the first failure")  # noqa: N815
    backoffCoefficient: float = Field(  # noqa: N815
        2.0, ge=1, le=100, description="the factor by which each further wait grows"
    )
    maximumInterval: Duration = Field(  # noqa: N815
        60_000,
        description="the longest wait, even if the other system asks for more; default: "
        "1m, or `initialInterval` if that is longer",
    )
    nonRetryableErrors: list[str] = Field(  # noqa: N815
        [], description="error types that are not retried"
    )
    on: list[Retried] = Field(
        [],
        max_length=100,
        description="the failures that are retried, instead of the default ones: error "
        "types (`Timeout`), statuses (`429`, `5xx`), or both (`HttpStatus:5xx`)",
    )

    def policy(self) -> RetryPolicy:
        """Return it as a policy of the engine."""
        longest = self.maximumInterval
        if "maximumInterval" not in self.model_fields_set:
            longest = max(longest, self.initialInterval)
        return RetryPolicy(
            self.maxAttempts,
            self.initialInterval,
            self.backoffCoefficient,
            longest,
            frozenset(self.nonRetryableErrors),
            tuple(self.on),
        )


def _many_or_one(written: Any) -> str:
    return _MANY if isinstance(written, list) else _ONE


_MANY, _ONE = "list[retry]", "function-retry"
_Several = Annotated[list[Retry], Field(min_length=1, max_length=10)]
Retries = Annotated[
    Annotated[_Several, Tag(_MANY)] | Annotated[Retry, Tag(_ONE)], Discriminator(_many_or_one)
]


class CommonStep(Part):
    """The keys that every step may have."""

    id: Identifier = Field(description="the id of the step, unique in its document or body")
    type: str = Field(description="the step type")
    name: str | None = Field(
        None, max_length=200, description="a name for people, shown in the history"
    )
    description: str | None = Field(None, max_length=2_000, description="a description for people")
    note: str | None = Field(
        None, max_length=10_000, description="a note for people who edit the definition"
    )
    output: dict[str, Any] = Field({}, description="the fields that the step adds to `data`")
    retry: Retries | None = Field(
        None,
        description="when a failed attempt is retried; default: never. In a list, the "
        "first policy that matches the failure applies, and each policy counts "
        "its own attempts",
    )
    timeout: Duration | None = Field(
        None,
        description="how long one attempt may take, without waiting for its turn; default: "
        "the limit of the step type",
    )
    onInterrupted: OnInterrupted = Field(  # noqa: N815
        OnInterrupted.RETRY,
        description="what happens if a crash interrupts the step: it runs again, fails, or "
        "asks a person. With `retry` it fails after it has caused "
        "`max_interruptions` crashes",
    )


def policy_of(written: Retry | list[Retry] | None) -> RetryPolicy:
    """Return a step's retry setting as a policy of the engine."""
    if written is None:
        return RetryPolicy()
    first, *others = [one.policy() for one in (written if isinstance(written, list) else [written])]
    return replace(first, others=tuple(others)) if others else first


def retries_in(step: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the retry settings of the step at `path` as written, each with its path."""
    written = step.get("retry")
    if isinstance(written, dict):
        yield f"{path}.retry", written
    for index, one in enumerate(written if isinstance(written, list) else ()):
        if isinstance(one, dict):
            yield f"{path}.retry[{index}]", one


class Handlers(Part):
    """The keys of a document or a body for the handlers of its run."""

    onError: Identifier | None = Field(  # noqa: N815 - the document's word
        None,
        description="the step to which a run goes, once, after a failure that nothing else "
        "handles; the run then ends as the steps from there lead",
    )
    finally_: Identifier | None = Field(
        None,
        alias="finally",
        description="the step to which a run goes, once, before it ends in any way except "
        "terminate; the run then ends as it would have without it",
    )


class Scope(Handlers):
    """The keys that limit a run and handle its end."""

    timeout: Duration | None = Field(
        None,
        description="how long a run may take, without its `onError` and `finally`; after "
        "that it fails with `Timeout`",
    )
    concurrency: Limited = Field(
        None, description="how many runs may be in progress at once, and what happens to others"
    )


class EdgeDocument(Part):
    """An edge from one step to another."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    condition: str | None = None
    on: Literal["success", "error", "timeout", "cancel"] = "success"
    note: str | None = Field(None, max_length=10_000)


class WorkflowDocument(Scope):
    """A whole definition; steps are checked one by one, each against its type."""

    id: Identifier | None = None
    name: ShownName
    description: str = Field("", max_length=2_000)
    status: Literal["draft", "testing"] = "draft"
    initialStep: str | None = Field(None, min_length=1)  # noqa: N815
    steps: list[dict[str, Any]] = Field(min_length=1, max_length=1_000)
    edges: list[EdgeDocument] = Field([], max_length=5_000)
    payload: dict[str, Any] = {}
    constants: dict[Identifier, Any] = Field(
        {},
        description="values that expressions read as `constants.NAME`; each can use the "
        "ones before it",
    )
    workflows: dict[Identifier, Any] = Field(
        {}, max_length=100,
        description="workflows inside this document, by name; steps call them as `#name`",
    )  # fmt: skip
    defaults: dict[str, Any] = Field(
        {},
        description="default keys for the steps of each type; a key in the step itself "
        "replaces the default completely",
    )
    note: str | None = Field(None, max_length=10_000, description="a remark for who edits it")
    title: str | None = Field(
        None,
        min_length=1,
        max_length=1_000,
        description="the title of a run in lists and on pages: a template, with the run in scope",
    )
    labels: dict[LabelName, str] = Field(
        {},
        max_length=MOST_LABELS,
        description="labels by which runs can be found: names, with templates as values",
    )
    tool: bool = Field(False, description="whether agents can call the workflow as a tool")
    budget: float | None = Field(
        None, gt=0, le=1_000_000, description="how much the models of one run may cost"
    )
    maxStepExecutions: int = Field(1_000, ge=1, le=100_000)  # noqa: N815
