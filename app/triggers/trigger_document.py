"""Triggers as people write them: on a request, on a form, or on the end of a run."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from app.triggers.start_data import data_template, must_be_short
from app.triggers.verify_document import Verify
from app.wire.parsing.errors import BadRequest
from app.wire.requests.bodies import checked
from engine import JsonObject
from steps.contract.step_type import Problem
from steps.document.shape import ALSO_TEXT
from steps.language.durations import WRITTEN, Duration
from steps.language.expression import Expression, ExpressionError, bare_condition
from steps.language.findings.words import findings_in
from steps.language.template import Template, expressions_in
from steps.language.template_places import texts_in
from steps.send_signal import HOUR_MS, KeepFor, Receivers, kept_for_one
from steps.signal_names import CALLBACK, SignalName

RUN_ENDS = ("run.completed", "run.failed", "run.cancelled", "run.terminated")
REQUEST_NAMES = frozenset({"request"})
RUN_NAMES = frozenset({"run", "data", "result", "error"})
_EVALUATED = ("data", "idempotencyKey", "signal", "when")
_LONGEST_TEXT = 2_000
_LARGEST_BODY_BYTES = 64 * 1024 * 1024


def template_over(source: Any, names: frozenset[str]) -> Template:
    """Return a template whose expressions may use these names only. Raises `ValueError`."""
    template = data_template(source, names)
    for expression in template.expressions():
        _only(expression, names)
    return template


def condition_over(text: str, names: frozenset[str]) -> Expression:
    """Return a condition that may use these names only. Raises `ValueError`."""
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
    """The fields that every trigger may have."""

    version: str | None = Field(
        None,
        max_length=100,
        description="latest, published, or a number; default: published, else latest",
    )
    note: str | None = Field(None, max_length=_LONGEST_TEXT, description="a note for people")

    def document(self) -> JsonObject:
        """Return the whole document, with every key."""
        document: JsonObject = self.model_dump(mode="json")
        return document


WorkflowId: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=200, description="the workflow that is started")
]


class _Signal(_Part):
    """A signal that a trigger sends."""

    name: SignalName = Field(description="the signal's name, such as `payment`")
    keepFor: Annotated[KeepFor, WRITTEN] = HOUR_MS  # noqa: N815 - the API's word

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if name == CALLBACK:
            raise ValueError(f"{CALLBACK} is reserved for callback addresses of steps")
        return name


class SignalTarget(_Signal):
    """The signal that a request sends."""

    key: str = Field(
        "", max_length=1_000,
        description="the key of the signal: a template, such as `{{ request.body.orderId }}`",
    )  # fmt: skip
    to: Receivers = "one"

    @field_validator("to")
    @classmethod
    def _to(cls, to: Receivers, info: ValidationInfo) -> Receivers:
        return kept_for_one(to, info)

    @field_validator("key")
    @classmethod
    def _key(cls, key: str) -> str:
        template_over(key, REQUEST_NAMES)
        return key


class EndSignal(_Signal):
    """The signal through which a run collects the ends of others."""

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
    """Starts a run, or sends a signal, on a request to its own address."""

    on: Literal["request"] = Field("request", description="`request`")
    workflowId: WorkflowId | None = Field(  # noqa: N815
        None, description="the workflow to start; give this or `signal`"
    )
    signal: SignalTarget | None = Field(None, description="the signal to send instead")
    verify: Verify = Field(description="how the sender is verified; required, even if it is `none`")
    methods: list[Literal["POST", "PUT", "PATCH", "DELETE", "GET"]] = Field(
        ["POST"], min_length=1, max_length=5, description="the accepted methods"
    )
    when: str | None = Field(
        None,
        max_length=4_096,
        description="a condition over `request`; if it is false, nothing happens",
    )
    data: Any = Field(
        None,
        description="the input, or the data of the signal, with templates over `request`; without "
        "it, the body",
    )
    idempotencyKey: str | None = Field(  # noqa: N815
        None,
        max_length=1_000,
        description="a template: only the first request with a key counts; an empty key does not "
        "count. Without it, the presets use the message id of their senders",
    )
    respond: Literal["200", "202", "204", "result"] = Field(
        "202",
        description="the status of the answer, which is sent after the commit; `result` waits for "
        "the run and answers with its result",
    )
    wait: Annotated[Duration, WRITTEN] | None = Field(
        None,
        gt=0,
        le=300_000,
        description="with `result`, how long to wait before the answer is 202; 30s without it",
    )
    maxBytes: int = Field(  # noqa: N815
        262_144,
        ge=1,
        le=_LARGEST_BODY_BYTES,
        strict=True,
        description="the largest body, within the server's limit",
    )
    perSecond: float = Field(  # noqa: N815
        20,
        ge=0.1,
        le=100,
        strict=True,
        description="requests a second in the long run, ten times that at once",
    )
    enabled: bool = Field(True, strict=True, description="false pauses it: requests get 503")

    @field_validator("signal")
    @classmethod
    def _one_target(cls, signal: SignalTarget | None, info: ValidationInfo) -> SignalTarget | None:
        if signal is not None and info.data.get("workflowId") is not None:
            raise ValueError("excludes workflowId; a trigger has one of the two")
        if signal is not None and info.data.get("version") is not None:
            raise ValueError("starts no workflow, so version has no effect; leave it out")
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
            raise ValueError("cannot be used with a signal, which gives no result")
        return respond

    @field_validator("wait")
    @classmethod
    def _wait(cls, wait: int | None, info: ValidationInfo) -> int | None:
        if wait is not None and info.data.get("respond", "result") != "result":
            raise ValueError("is allowed only if respond is result")
        return wait


class RunTrigger(_Started):
    """Starts a run when another run ends, or collects the ends of several."""

    on: Annotated[
        list[Literal["run.completed", "run.failed", "run.cancelled", "run.terminated"]],
        BeforeValidator(lambda on: [on] if isinstance(on, str) else on),
        ALSO_TEXT,
    ] = Field(
        min_length=1,
        max_length=4,
        description="which ends count: one of `run.completed`, `run.failed`, `run.cancelled` and "
        "`run.terminated`, or a list",
    )
    workflowId: WorkflowId  # noqa: N815
    workflows: list[str] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="the workflows whose runs count; without it, all except the one that is "
        "started",
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
        description="a condition over `run`, `data`, `result` and `error` of the ended run",
    )
    data: dict[str, Any] = Field(
        {},
        description="the input, with templates over `run` (`id`, `workflowId`, `version`, "
        "`status`, `startedAt`, `endedAt`, `caller`), `data`, `result` and `error` of the ended "
        "run",
    )
    signal: EndSignal | None = Field(
        None,
        description="a signal that each end sends, with `data`; the first with a key starts the "
        "workflow, which collects them",
    )
    enabled: bool = Field(
        True, strict=True, description="false pauses it; runs that end meanwhile do not count"
    )

    @field_validator("workflows")
    @classmethod
    def _not_itself(cls, workflows: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if workflows and info.data.get("workflowId") in workflows:
            raise ValueError(f"names {info.data['workflowId']}, which would start itself endlessly")
        return workflows

    @field_validator("errorTypes")
    @classmethod
    def _of_failures(cls, types: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if types is not None and info.data.get("on", ["run.failed"]) != ["run.failed"]:
            raise ValueError("is allowed only if on is run.failed")
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


class FormTrigger(_Started):
    """A web form for the inputs of a workflow, open to anybody with its link."""

    on: Literal["form"] = Field(description="`form`")
    workflowId: WorkflowId  # noqa: N815
    title: str | None = Field(
        None,
        max_length=200,
        description="the heading above the form; the workflow's name without it",
    )
    text: str | None = Field(
        None, max_length=_LONGEST_TEXT, description="the introduction; the workflow's description "
            "without it",
    )  # fmt: skip
    button: str = Field("Send", min_length=1, max_length=100, description="the label of the button")
    thanks: str = Field(
        "Thank you. Your answers have arrived.",
        min_length=1,
        max_length=_LONGEST_TEXT,
        description="the message shown after the form was sent",
    )
    data: dict[str, Any] = Field(
        {}, description="inputs that are set here and are not fields of the form"
    )
    until: datetime | None = Field(
        None, description="when the form closes, an ISO date with a zone"
    )
    perSecond: float = Field(  # noqa: N815
        1,
        ge=0.1,
        le=20,
        strict=True,
        description="requests a second in the long run, ten times that at once",
    )
    enabled: bool = Field(False, strict=True, description="whether it is open; off unless set")

    @field_validator("until")
    @classmethod
    def _with_zone(cls, until: datetime | None) -> datetime | None:
        if until is not None and until.tzinfo is None:
            raise ValueError("must have a time zone, such as 2026-01-31T12:00:00Z")
        return until

    @field_validator("data")
    @classmethod
    def _constants(cls, data: JsonObject) -> JsonObject:
        must_be_short(data)
        return data


TriggerBody: TypeAlias = RequestTrigger | RunTrigger | FormTrigger
KINDS: Mapping[type[TriggerBody], str] = {
    RequestTrigger: "request",
    RunTrigger: "run",
    FormTrigger: "form",
}


def trigger_body(document: JsonObject) -> TriggerBody:
    """Return a trigger as received. Raises `BadRequest` that names every problem."""
    body = _of_its_kind(document)
    if unknown := list(_unknown_words(document)):
        raise BadRequest("the request is not acceptable", unknown)
    return body


def _unknown_words(document: JsonObject) -> Iterator[Problem]:
    """Find what no expression knows, such as a filter; stored triggers are read without this."""
    for key in _EVALUATED:
        source = document.get(key)
        if key == "when" and isinstance(source, str):
            source = f"{{{{ {bare_condition(source)} }}}}"
        for text in texts_in(source, key, is_template=True):
            for expression in expressions_in(text.text) if "{{" in text.text else ():
                for message in findings_in(expression.node):
                    yield Problem(text.path, f"{{{{ {expression.text} }}}}: {message}")


def _of_its_kind(document: JsonObject) -> TriggerBody:
    on = document.get("on", "request")
    named = on if isinstance(on, list) else [on]
    if on == "form":
        return checked(FormTrigger, document)
    if on == "request":
        body = checked(RequestTrigger, document)
        if body.workflowId is None and body.signal is None:
            problem = Problem("workflowId", "is required, unless there is a signal")
            raise BadRequest("the request is not acceptable", [problem])
        return body
    if any(isinstance(item, str) and item.startswith("run.") for item in named):
        return checked(RunTrigger, document)
    problem = Problem("on", f"must be request, form, or an end of a run: {', '.join(RUN_ENDS)}")
    raise BadRequest("the request is not acceptable", [problem])


def kept_body(kind: str, document: str) -> TriggerBody:
    """Return a trigger from its stored form."""
    for model, name in KINDS.items():
        if name == kind:
            return model.model_validate_json(document)
    raise ValueError(f"{kind} is not a kind of trigger")
