"""call-llm: ask a chat model, and check its answer."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from engine import Json, JsonObject
from steps.contract.step_type import (
    Done,
    GoesOn,
    InvalidAnswer,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
    listed,
)
from steps.effects.chat import (
    ANSWER_TOOL,
    ChatAnswer,
    ChatRequest,
    Message,
    TextPart,
    ToolSpec,
    Usage,
    answer_from_json,
)
from steps.effects.effects import Effects
from steps.language.template import Template, as_text
from steps.models.answer_files import kept_answer
from steps.models.asked import newly_asked
from steps.models.attachments import attached
from steps.models.budget_questions import BudgetQuestions, accepted
from steps.models.headers import HEADERS, TemplateHeaders, headers_of_step
from steps.models.options import FALLBACK, REASONING, Fallback, Reasoning, Structured
from steps.models.output import excerpt, fields_to_fill, read_answer, schema_of, usable
from steps.models.spending import LimitReached

_MOST_SAID = 1_000


class Turn(StepSettings):
    """One message of the conversation with which a step begins."""

    role: Literal["system", "user", "assistant"] = Field(description="the sender")
    content: Template = Field(description="the text of the message")


class CallLlmSettings(StepSettings):
    """The question to the model, and how it is asked."""

    model: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="the name of the model; default: the default model of the server",
    )
    prompt: Template | None = Field(
        None, description="the question to the model; alternatively give `messages`"
    )
    messages: list[Turn] | None = Field(
        None, min_length=1, max_length=200, description="a conversation, instead of `prompt`"
    )
    history: Template | None = Field(
        None,
        description="the earlier messages: a template that gives a list of at most 1,000 "
        "objects with `role` (`user` or `assistant`) and `content`, a text",
    )
    system: Template | None = Field(None, description="the system instructions, which come first")
    temperature: float | None = Field(
        None, ge=0, le=2, description="how much the answers vary; default: that of the model"
    )
    maxTokens: int | None = Field(  # noqa: N815 - the document's word
        None, ge=1, le=10_000_000, description="the largest number of tokens of an answer"
    )
    files: list[Template] = Field(
        [],
        max_length=100,
        description="uploaded files for the model, each a file id or a list of ids: pictures, "
        "text, PDF and office documents, and sound; at most 15 MB are sent unchanged",
    )
    reasoning: Reasoning | None = Field(None, description=REASONING)
    fallback: Fallback = Field([], description=FALLBACK)
    headers: TemplateHeaders = Field(
        {},
        max_length=20,
        description=f"{HEADERS}; `secrets.NAME` is a secret",
    )
    structured: Structured | None = Field(
        None,
        description="how the fields of `output` are sent to the model; default: that of the model",
    )
    cache: bool = Field(
        False,
        description="whether to ask the provider to cache the question for others with the same "
        "beginning, if it can",
    )
    repairs: int = Field(
        2, ge=0, le=5, description="how often to ask again if an answer does not fit"
    )


class CallLlm(StepType[CallLlmSettings]):
    """Asks a model for text, or for the declared output fields; every answer is kept.

    The fields are those of `output` that have no `value`; without any, the output is `text`. If an
    answer does not fit them, the model is sent the problems and the schema and asked again; the
    last of the `repairs` asks for a call of a tool instead. `output` values name `response`:
    `text`, `model`, `usage` (`inputTokens`, `outputTokens`, and `estimated` if the provider does
    not count) and `files`, the pictures and sound that the model has made. Words and fences around
    the JSON of an answer are left out, as are thoughts before it. Each answer is journaled, so that
    a crash does not ask for it again.
    """

    type = "call-llm"
    settings = CallLlmSettings
    built_in = True
    names = {"model": "model", "fallback": "model"}
    own_errors = False
    timeout_ms = 300_000
    errors = {
        "InvalidOutput": "the model's answers do not fit the declared output, repairs included",
        "BudgetReached": "a budget was used up, and a person said to stop",
        "TokenLimit, CostLimit": "the agent for which the run works has used up its limit",
        "Refused": "the model refused to answer",
        "ContextTooLong": "the conversation is longer than the model can read",
        "CutOff": "the answer is longer than `maxTokens` allows",
        "UnsupportedFile": "a file is neither a picture nor text nor a document",
        "UnsupportedDocument, DocumentUnreadable, DocumentTooLarge, DocumentTimeout": "as in the "
        "tool [extract-document](../tools.md#extract-document), by which documents are read",
        "InvalidRequest": "`files` names something that is not a file id, or `history` is not a "
        "conversation",
        "FileNotFound": "there is no such file",
        "FilesTooLarge": "the files that the model is shown as they are have too many bytes",
        "StorageUnavailable": "the file storage is unavailable; retried",
        "UnknownModel": "there is no model of that name, or its provider does not know it",
        "UnknownSecret": "the secret that holds the model's key does not exist",
        "ModelAuth": "the provider refused the key, or the key is missing",
        "ModelRejected": "the provider refused the request",
        "ModelFailed": "the provider failed; retried",
        "RateLimited": "the provider takes no more requests for now; retried, when it says so "
        "after `Retry-After`",
        "Overloaded": "the provider is overloaded; retried",
        "InvalidResponse": "the provider's answer cannot be read; retried",
        "ConnectionFailed": "the provider cannot be reached; retried",
        "AddressNotAllowed": "the model is at an address that is not public",
        "Timeout": "no answer came in time; retried",
    }
    example = {
        "id": "classify",
        "type": "call-llm",
        "system": "You sort customers' letters.",
        "prompt": "Which department is this for?\n\n{{ data.letter }}",
        "output": {
            "department": {"type": "string", "enum": ["sales", "support", "billing"]},
            "urgent": {"type": "boolean"},
        },
    }

    def check(
        self, settings: CallLlmSettings, output: Mapping[str, JsonObject]
    ) -> Iterator[Problem]:
        """Require exactly one form of the question, and a message to which files can be added."""
        if settings.prompt is None and settings.messages is None:
            yield Problem("prompt", "is required: say what the model is asked, or give messages")
        if settings.prompt is not None and settings.messages is not None:
            yield Problem("messages", "there is prompt already; give one of them")
        roles = [turn.role for turn in settings.messages or ()]
        if roles and "user" not in roles:
            yield Problem("messages", "must have a message with role user")

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse `repairs` and `structured` for an answer that always fits."""
        output = document.get("output")
        specs = output.values() if isinstance(output, dict) else ()
        if all(isinstance(spec, dict) and "value" in spec for spec in specs):
            message = "any text fits where `output` asks for no fields"
            return {**self.unused, "repairs": message, "structured": message}
        return self.unused

    async def execute(
        self, settings: CallLlmSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Ask the model, and ask again if its answer does not fit."""
        budget = BudgetQuestions(step, effects)
        await budget.settle()
        try:
            return await self._answered(settings, step, effects)
        except LimitReached as reached:
            if not reached.is_budget:
                raise
            return budget.pause(reached)

    async def _answered(
        self, settings: CallLlmSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        specs = fields_to_fill(step.output)
        schema = schema_of(specs) if specs else None
        messages = await _conversation(settings, step, effects)
        headers = await headers_of_step(settings.headers, step.scope, effects)
        used, answer = Usage(), None
        problems: list[Problem] = []
        for number in range(1, settings.repairs + 2):
            # Some endpoints support tools but not structured output: the last try uses a tool.
            by_tool = schema is not None and 1 < number == settings.repairs + 1
            request = ChatRequest(
                settings.model,
                tuple(messages),
                settings.temperature,
                settings.maxTokens,
                None if by_tool else schema,
                (ToolSpec(ANSWER_TOOL, "Give the answer.", schema),) if by_tool and schema else (),
                tool_choice=ANSWER_TOOL if by_tool else None,
                reasoning=settings.reasoning,
                structured=settings.structured,
                fallback=tuple(settings.fallback),
                caches=settings.cache,
                conversation=step.idempotency_key,
                headers=headers,
            )
            answer = await _asked(request, f"attempt-{step.attempt}/answer-{number}", effects)
            used += answer.usage
            text = _text_of(answer)
            got = {"response": _response(answer, text, used)}
            if not specs:
                return Done({"text": answer.text}, got)
            values, problems = read_answer(text, specs)
            if not problems:
                return Done(values, got)
            messages += _repair(text, problems, schema)
        said = excerpt(_text_of(answer)) if answer else ""
        message = f"the model's answer does not fit the declared output: {listed(problems)}"
        raise StepBroke("InvalidOutput", f"{message[:1_500]}; at last it said: {said}")

    def accept(
        self, settings: CallLlmSettings, step: StepInput, pause: JsonObject, answer: JsonObject
    ) -> GoesOn:
        """Record a person's answer about a budget that was used up."""
        raised = accepted(pause, answer)
        if raised is None:
            raise InvalidAnswer([Problem("type", f"a {self.type} step takes no answer")])
        return raised

    def keeps(self, records: Mapping[str, Json]) -> Mapping[str, Json]:
        """Keep nothing: the answers of a failed step were not usable."""
        return {}


async def _asked(request: ChatRequest, name: str, effects: Effects) -> ChatAnswer:
    """Ask once, or return the recorded answer. Raises `StepBroke` if it is not usable."""

    async def work() -> Json:
        answer = await kept_answer(await effects.chat(request), name, effects)
        return {**answer.to_json(), "asked": newly_asked(request.messages)}

    return usable(answer_from_json(await effects.record(name, work)))


async def _conversation(
    settings: CallLlmSettings, step: StepInput, effects: Effects
) -> list[Message]:
    parts = await attached(settings.files, step.scope, settings.model, effects)
    turns = settings.messages
    if turns is None:
        assert settings.prompt is not None  # noqa: S101 - by `check`
        turns = [Turn(role="user", content=settings.prompt)]
    messages = [
        Message(turn.role, (TextPart(as_text(await turn.content.rendered(step.scope))),))
        for turn in turns
    ]
    if parts:
        at = max(index for index, turn in enumerate(turns) if turn.role == "user")
        # Files before the question: models answer better when it comes last.
        messages[at] = Message("user", (*parts, *messages[at].parts))
    if settings.history is not None:
        messages[:0] = _said_before(await settings.history.rendered(step.scope))
    if settings.system is not None:
        system = as_text(await settings.system.rendered(step.scope))
        messages.insert(0, Message("system", (TextPart(system),)))
    return messages


def _said_before(history: Json) -> list[Message]:
    """Return a conversation from the run's data; null is an empty one. Raises `StepBroke`."""
    said = [] if history is None else history
    if not isinstance(said, list) or len(said) > _MOST_SAID:
        message = f"history must give a list of {_MOST_SAID:,} objects at most"
        raise StepBroke("InvalidRequest", message, retryable=False)
    messages: list[Message] = []
    for index, item in enumerate(said):
        given = item if isinstance(item, dict) else {}
        role, content = given.get("role"), given.get("content")
        if role not in ("user", "assistant") or not isinstance(content, str):
            message = f"history[{index}] must have role (user or assistant) and content, a text"
            raise StepBroke("InvalidRequest", message, retryable=False)
        messages.append(Message("user" if role == "user" else "assistant", (TextPart(content),)))
    return messages


def _repair(text: str, problems: list[Problem], schema: "JsonObject | None") -> list[Message]:
    wanted = (
        f"That answer cannot be used: {listed(problems)[:2_000]}. Answer again with the whole "
        "JSON object, corrected, and nothing else. It must fit this JSON Schema: "
        f"{json.dumps(schema, ensure_ascii=False)}"
    )
    return [
        Message("assistant", (TextPart(text),)),
        Message("user", (TextPart(wanted),)),
    ]


def _response(answer: ChatAnswer, text: str, used: Usage) -> JsonObject:
    said: JsonObject = {"text": text, "model": answer.model, "usage": used.to_json()}
    return {**said, "files": [*answer.files]} if answer.files else said


def _text_of(answer: ChatAnswer) -> str:
    """Return the answer: the arguments of the called tool if there was a call, else the text."""
    for call in answer.tool_calls:
        if call.arguments is not None:
            return json.dumps(call.arguments, ensure_ascii=False)
        return call.text
    return answer.text
