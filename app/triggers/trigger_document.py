"""Triggers as people write them: on a request, on a form, or on the end of a run."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from app.triggers.verify_document import Verify
from app.wire.bodies import checked
from app.wire.errors import BadRequest
from engine import JsonObject
from steps.contract.step_type import Problem
from steps.language.durations import Duration, duration_text
from steps.language.expression import Expression, ExpressionError, bare_condition
from steps.language.template import Template
from steps.send_signal import HOUR_MS, KeepFor, Receivers
from steps.signal_names import CALLBACK, SignalName

RUN_ENDS = ("run.completed", "run.failed", "run.cancelled", "run.terminated")
REQUEST_NAMES = frozenset({"request"})
RUN_NAMES = frozenset({"run", "data", "result", "error"})
_LONGEST_DATA = 16 * 1024
_LONGEST_TEXT = 2_000
_LARGEST_BODY = 64 * 1024 * 1024


def template_over(source: Any, names: frozenset[str]) -> Template:
    """Return a template whose expressions may name these only. Raises `ValueError`."""
    if len(json.dumps(source)) > _LONGEST_DATA:
        raise ValueError(f"may have {_LONGEST_DATA} bytes at most, as JSON")
    try:
        template = Template(source, also=names)
    except ExpressionError as wrong:
        raise ValueError(str(wrong)) from wrong
    for expression in template.expressions():
        _only(expression, names)
    return template


def condition_over(text: str, names: frozenset[str]) -> Expression:
    """Return a condition that may name these only. Raises `ValueError`."""
    try:
        expression = Expression(bare_condition(text), also=names)
    except ExpressionError as wrong:
        raise ValueError(str(wrong)) from wrong
    _only(expression, names)
    return expression


def _only(expression: Expression, names: frozenset[str]) -> None:
    if others := sorted(expression.names - names):
        known = ", ".join(sorted(names))
        raise ValueError(f"{expression.text!r} names {others[0]}, and here it may name {known}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class _Started(_Part):
    """What every trigger may say."""

    version: str | None = Field(
        None,
        max_length=100,
        description="latest, published, or a number; published where there is one without it",
    )
    note: str | None = Field(None, max_length=_LONGEST_TEXT, description="a remark for people")

    def document(self) -> JsonObject:
        """Return it as it is written, with every key."""
        document: JsonObject = self.model_dump(mode="json")
        return document


WorkflowId: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=200, description="the workflow that is started")
]


class _Signal(_Part):
    """A signal that a trigger sends."""

    name: SignalName = Field(description="the signal's name, such as `payment`")
    keepFor: KeepFor = HOUR_MS  # noqa: N815 - the API's word

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name == CALLBACK:
            raise ValueError(f"{CALLBACK} is kept for addresses of steps")
        return name


class SignalTarget(_Signal):
    """The signal that a request sends."""

    key: str = Field(
        "", max_length=1_000,
        description="which of that name: a template, such as `{{ request.body.orderId }}`",
    )  # fmt: skip
    to: Receivers = "one"

    @field_validator("key")
    @classmethod
    def _key(cls, key: str) -> str:
        template_over(key, REQUEST_NAMES)
        return key


class EndSignal(_Signal):
    """The signal by which ends of runs are gathered."""

    key: str = Field(
        max_length=1_000,
        description="which ends belong together: a template, such as `{{ data.day }}`",
    )

    @field_validator("key")
    @classmethod
    def _key(cls, key: str) -> str:
        template_over(key, RUN_NAMES)
        return key


class RequestTrigger(_Started):
    """A request to an address of its own starts a run, or sends a signal."""

    on: Literal["request"] = Field("request", description="`request`")
    workflowId: WorkflowId | None = Field(  # noqa: N815
        None, description="the workflow that is started; this, or `signal`"
    )
    signal: SignalTarget | None = Field(None, description="the signal that is sent instead")
    verify: Verify = Field(
        description="how the sender is known; it must be said, also that it is not"
    )
    methods: list[Literal["POST", "PUT", "PATCH", "DELETE", "GET"]] = Field(
        ["POST"], min_length=1, max_length=5, description="the methods that it takes"
    )
    when: str | None = Field(
        None,
        max_length=4_096,
        description="a condition over `request`; where it is false nothing happens",
    )
    data: Any = Field(
        None,
        description="the input, or what the signal says, with templates over `request`; without "
        "it the body",
    )
    idempotencyKey: str | None = Field(  # noqa: N815
        None,
        max_length=1_000,
        description="a template: of one key only the first request counts; an empty one is none. "
        "Without it the presets take the id that their senders give",
    )
    respond: Literal["200", "202", "204", "result"] = Field(
        "202",
        description="the status of the answer, which is given after the commit; `result` waits "
        "for the run, and answers what it gives",
    )
    wait: Duration | None = Field(
        None,
        gt=0,
        le=300_000,
        description="with `result`, how long to wait until the answer is 202; 30s without it",
    )
    maxBytes: int = Field(  # noqa: N815
        262_144,
        ge=1,
        le=_LARGEST_BODY,
        description="the longest body, within what the server takes",
    )
    perSecond: float = Field(  # noqa: N815
        20,
        ge=0.1,
        le=100,
        strict=True,
        description="requests a second in the long run, ten times that at once",
    )
    enabled: bool = Field(True, description="false pauses it: requests are answered with 503")

    @field_validator("signal")
    @classmethod
    def _one_target(cls, signal: SignalTarget | None, info: ValidationInfo) -> SignalTarget | None:
        if signal is not None and info.data.get("workflowId") is not None:
            raise ValueError("stands beside workflowId; a trigger does one of the two")
        return signal

    @field_validator("when")
    @classmethod
    def _when(cls, when: str | None) -> str | None:
        if when is not None:
            condition_over(when, REQUEST_NAMES)
        return when

    @field_validator("data", "idempotencyKey")
    @classmethod
    def _templates(cls, value: Any) -> Any:
        template_over(value, REQUEST_NAMES)
        return value

    @field_validator("respond")
    @classmethod
    def _respond(cls, respond: str, info: ValidationInfo) -> str:
        if respond == "result" and info.data.get("signal") is not None:
            raise ValueError("has nothing to wait for: a signal gives no result")
        return respond

    @field_validator("wait")
    @classmethod
    def _wait(cls, wait: int | None, info: ValidationInfo) -> int | None:
        if wait is not None and info.data.get("respond", "result") != "result":
            raise ValueError("has a meaning only where respond is result")
        return wait

    def document(self) -> JsonObject:
        """Return it as it is written, with every key."""
        document: JsonObject = self.model_dump(mode="json")
        verify = cast("JsonObject", document["verify"])
        verify["tolerance"] = duration_text(self.verify.tolerance)
        if self.signal is not None:
            signal = cast("JsonObject", document["signal"])
            signal["keepFor"] = duration_text(self.signal.keepFor)
        document["wait"] = None if self.wait is None else duration_text(self.wait)
        return document


class RunTrigger(_Started):
    """The end of a run starts another one, or those of several do."""

    on: Annotated[
        list[Literal["run.completed", "run.failed", "run.cancelled", "run.terminated"]],
        BeforeValidator(lambda on: [on] if isinstance(on, str) else on),
    ] = Field(
        min_length=1,
        max_length=4,
        description="which ends: one of `run.completed`, `run.failed`, `run.cancelled` and "
        "`run.terminated`, or a list",
    )
    workflowId: WorkflowId  # noqa: N815
    workflows: list[str] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="the workflows whose runs count; all others than the one that is started "
        "without it",
    )
    errorTypes: list[str] | None = Field(  # noqa: N815
        None,
        min_length=1,
        max_length=100,
        description="with `run.failed`, the types of errors that count",
    )
    when: str | None = Field(
        None,
        max_length=4_096,
        description="a condition over `run`, `data`, `result` and `error` of what has ended",
    )
    data: dict[str, Any] = Field(
        {},
        description="the input, with templates over `run` (`id`, `workflowId`, `version`, "
        "`status`, `startedAt`, `endedAt`, `caller`), `data`, `result` and `error` of what ended",
    )
    signal: EndSignal | None = Field(
        None,
        description="a signal that each end sends, with `data`; the first of a key starts the "
        "workflow, which gathers them",
    )
    enabled: bool = Field(True, description="false pauses it; what ends meanwhile is not missed")

    @field_validator("workflows")
    @classmethod
    def _not_itself(cls, workflows: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if workflows and info.data.get("workflowId") in workflows:
            raise ValueError(
                f"names {info.data['workflowId']}, which would start itself without end"
            )
        return workflows

    @field_validator("errorTypes")
    @classmethod
    def _of_failures(cls, types: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if types is not None and info.data.get("on", ["run.failed"]) != ["run.failed"]:
            raise ValueError("has a meaning only where on is run.failed")
        return types

    @field_validator("when")
    @classmethod
    def _when(cls, when: str | None) -> str | None:
        if when is not None:
            condition_over(when, RUN_NAMES)
        return when

    @field_validator("data")
    @classmethod
    def _templates(cls, data: JsonObject) -> JsonObject:
        template_over(data, RUN_NAMES)
        return data

    def document(self) -> JsonObject:
        """Return it as it is written, with every key."""
        document: JsonObject = self.model_dump(mode="json")
        if self.signal is not None:
            signal = cast("JsonObject", document["signal"])
            signal["keepFor"] = duration_text(self.signal.keepFor)
        return document


class FormTrigger(_Started):
    """A page with the inputs of a workflow, for anybody who has its link."""

    on: Literal["form"] = Field(description="`form`")
    workflowId: WorkflowId  # noqa: N815
    title: str | None = Field(
        None, max_length=200, description="above the form; the workflow's name without it"
    )
    text: str | None = Field(
        None, max_length=_LONGEST_TEXT, description="what people read first; the workflow's "
        "description without it",
    )  # fmt: skip
    button: str = Field("Send", min_length=1, max_length=100, description="what the button says")
    thanks: str = Field(
        "Thank you. What you have sent has arrived.",
        min_length=1,
        max_length=_LONGEST_TEXT,
        description="what people read afterwards",
    )
    data: dict[str, Any] = Field(
        {}, description="inputs that are given here, and are no fields of the form"
    )
    until: datetime | None = Field(
        None, description="the end of its time, an ISO date with a zone; then it takes nothing"
    )
    perSecond: float = Field(  # noqa: N815
        1,
        ge=0.1,
        le=20,
        strict=True,
        description="requests a second in the long run, ten times that at once",
    )
    enabled: bool = Field(False, description="whether it is open; off until somebody says so")

    @field_validator("until")
    @classmethod
    def _with_zone(cls, until: datetime | None) -> datetime | None:
        if until is not None and until.tzinfo is None:
            raise ValueError("must have a time zone, such as 2026-01-31T12:00:00Z")
        return until

    @field_validator("data")
    @classmethod
    def _constants(cls, data: JsonObject) -> JsonObject:
        if len(json.dumps(data)) > _LONGEST_DATA:
            raise ValueError(f"may have {_LONGEST_DATA} bytes at most, as JSON")
        return data


TriggerBody: TypeAlias = RequestTrigger | RunTrigger | FormTrigger
KINDS: Mapping[type[BaseModel], str] = {
    RequestTrigger: "request",
    RunTrigger: "run",
    FormTrigger: "form",
}


def trigger_body(document: JsonObject) -> TriggerBody:
    """Return a trigger as it was sent. Raises `BadRequest` that names every problem."""
    on = document.get("on", "request")
    named = on if isinstance(on, list) else [on]
    if on == "form":
        return checked(FormTrigger, document)
    if on == "request":
        body = checked(RequestTrigger, document)
        if body.workflowId is None and body.signal is None:
            problem = Problem("workflowId", "is required, or signal instead of it")
            raise BadRequest("the request is not acceptable", [problem])
        return body
    if any(isinstance(item, str) and item.startswith("run.") for item in named):
        return checked(RunTrigger, document)
    problem = Problem("on", f"must be request, form, or an end of a run: {', '.join(RUN_ENDS)}")
    raise BadRequest("the request is not acceptable", [problem])


def kept_body(kind: str, document: str) -> TriggerBody:
    """Return a trigger as it is kept."""
    for model, name in KINDS.items():
        if name == kind:
            return cast("TriggerBody", model.model_validate_json(document))
    raise ValueError(f"{kind} is no kind of trigger")
