"""What is said to a chat model and what it answers, the same for every provider."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from engine import Json, JsonObject
from engine.value import value


@value(frozen=True, slots=True)
class TextPart:
    """A piece of text in a message.

    Attributes:
        text: The text.
    """

    text: str


@value(frozen=True, slots=True)
class ImagePart:
    """A picture in a message.

    Attributes:
        media_type: Such as `image/png`.
        content: The bytes of the picture.
    """

    media_type: str
    content: bytes


@value(frozen=True, slots=True)
class FilePart:
    """A file in a message that is no picture: a PDF, or sound.

    Attributes:
        media_type: Such as `application/pdf`, or `audio/wav`.
        content: The bytes of the file.
        name: What it is called; never a path.
    """

    media_type: str
    content: bytes
    name: str = ""


ANSWER_TOOL = "answer"
"""The tool that a model calls to give an answer, where a schema is told by one."""

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The media types of pictures that providers take."""

PDF = "application/pdf"
AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
"""The media types of sound that providers take, and what they call them."""

Part: TypeAlias = TextPart | ImagePart | FilePart


@value(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool.

    Attributes:
        id: Tells the calls of one answer apart.
        name: The name of a `ToolSpec` that the model was given.
        arguments: What the tool is to be given; None when what the model sent is no JSON object.
        text: What the model sent, where that is no JSON object.
        extra: What the provider sent with the call for itself.
    """

    id: str
    name: str
    arguments: "JsonObject | None"
    text: str = ""
    extra: "JsonObject" = field(default_factory=dict)

    def to_json(self) -> "JsonObject":
        """Write the call for the journal.

        Returns:
            `id`, `name`, `arguments`, `text`, and `extra` where there is some.
        """
        kept: JsonObject = {
            "id": self.id,
            "name": self.name,
            "arguments": self.arguments,
            "text": self.text,
        }
        return {**kept, "extra": self.extra} if self.extra else kept


@value(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: Who says it.
        parts: What is said.
        tool_calls: What an `assistant` message wants called.
        tool_call_id: Which call a `tool` message answers.
        extra: What the provider of an `assistant` message sent with it for itself.
        origin: Who that provider is: nobody else is sent `extra`, also that of the calls.
    """

    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    extra: "JsonObject" = field(default_factory=dict)
    origin: str = ""


@value(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it.

    Attributes:
        name: Letters, digits, `_` and `-` only.
        description: What it is for.
        schema: The JSON Schema of its arguments.
    """

    name: str
    description: str
    schema: JsonObject


@value(frozen=True, slots=True)
class ChatRequest:
    """One question to a model.

    Attributes:
        model: The name under which the settings or the tenant know the model; None: the
            default one.
        messages: The conversation so far, oldest first.
        temperature: How freely the model chooses, from 0; None: as the provider has it.
        max_tokens: How many tokens the answer may have; None: as the model's settings say.
        schema: The JSON Schema that the answer's text must fit, None for free text.
        tools: What the model may call.
        agent: The id of the agent for which it is asked; empty without one.
        tool_choice: `required` where a tool must be called, or the name of the one that must
            be; None: as the model likes. Endpoints that do not know it are asked without.
        reasoning: How much the model thinks first: a word from `none` to `xhigh`, or tokens;
            None: as the model's settings say.
        structured: How the endpoint is told `schema`; None: as the model's settings say.
        fallback: Models that are asked in its place where it fails; empty: as its settings say.
        caches: Whether the provider is asked to keep the question, of which the next one is a
            longer form.
        conversation: Tells conversations apart, where a provider keeps each in one place.
        headers: Further headers of the request; those of the model's settings come before them.
    """

    model: str | None
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    schema: "JsonObject | None" = None
    tools: tuple[ToolSpec, ...] = ()
    agent: str = ""
    tool_choice: str | None = None
    reasoning: str | int | None = None
    structured: str | None = None
    fallback: tuple[str, ...] = ()
    caches: bool = False
    conversation: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@value(frozen=True, slots=True)
class Usage:
    """Tokens of one or more answers, and what they have cost.

    Attributes:
        input_tokens: Tokens that models have read, those from a cache among them.
        output_tokens: Tokens that models have written.
        estimated: Whether a provider did not say, so that some are counted by estimate.
        cached_tokens: Those of the input tokens that came from the provider's cache.
        cost_nano: The price, in billionths of the currency that prices are in; None where no
            model has a price.
        written_tokens: Those of the input tokens that the provider has put into its cache.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cached_tokens: int = 0
    cost_nano: int | None = None
    written_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return both together."""
        costs = [cost for cost in (self.cost_nano, other.cost_nano) if cost is not None]
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.estimated or other.estimated,
            self.cached_tokens + other.cached_tokens,
            sum(costs) if costs else None,
            self.written_tokens + other.written_tokens,
        )

    @property
    def total(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens

    def to_json(self) -> JsonObject:
        """Write the usage for the journal and for people.

        Returns:
            `inputTokens`, `outputTokens`; where there are some `cachedTokens`,
            `cacheWrittenTokens`, and `cost`; `estimated` where it is true.
        """
        told: JsonObject = {"inputTokens": self.input_tokens, "outputTokens": self.output_tokens}
        if self.cached_tokens:
            told["cachedTokens"] = self.cached_tokens
        if self.written_tokens:
            told["cacheWrittenTokens"] = self.written_tokens
        if self.cost_nano is not None:
            told["cost"] = in_currency(self.cost_nano)
        return {**told, "estimated": True} if self.estimated else told


_NANO = 1_000_000_000


def in_currency(nano: int) -> float:
    """Return a price in the currency that prices are in, from billionths of it."""
    return nano / _NANO


def in_nano(cost: float) -> int:
    """Return a price in billionths of the currency that prices are in."""
    return round(cost * _NANO)


def usage_from_json(kept: Json) -> Usage:
    """Return the usage that a record holds; what is no number counts as none."""
    told = kept if isinstance(kept, dict) else {}
    cost = told.get("cost")
    is_priced = isinstance(cost, int | float) and not isinstance(cost, bool)
    return Usage(
        _count(told.get("inputTokens")),
        _count(told.get("outputTokens")),
        bool(told.get("estimated")),
        _count(told.get("cachedTokens")),
        in_nano(cost) if is_priced else None,  # type: ignore[arg-type] # it is a number
        _count(told.get("cacheWrittenTokens")),
    )


def _count(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


Finish: TypeAlias = Literal["stop", "tool_calls", "length", "context", "refusal"]
"""Why an answer ends."""


@value(frozen=True, slots=True)
class ChatAnswer:
    """What a model answered.

    Attributes:
        text: What it says, empty where it only calls tools.
        tool_calls: The tools that it wants called.
        finish: Why it stopped: `length` is an answer cut off at the tokens it may have, `context`
            one cut off at the end of the model's context, `refusal` a refused one.
        model: The model's own name, as its provider tells it.
        usage: How many tokens it has read and written.
        latency_ms: How long it took, in milliseconds.
        extra: What the provider sent for itself with an answer that calls tools.
        origin: Who the provider is, and where.
        made: Pictures and sound that it has made; no part of what is journaled.
        files: The same as they are kept: the id, name, type and size of each file.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: Finish
    model: str
    usage: Usage
    latency_ms: int
    extra: "JsonObject" = field(default_factory=dict)
    origin: str = ""
    made: tuple[FilePart, ...] = ()
    files: tuple[JsonObject, ...] = ()

    def to_json(self) -> JsonObject:
        """Write the answer for the journal.

        Returns:
            What `answer_from_json` reads; the status of a run adds up its `usage`.
        """
        calls: list[Json] = [call.to_json() for call in self.tool_calls]
        kept: JsonObject = {
            "text": self.text,
            "toolCalls": calls,
            "finish": self.finish,
            "model": self.model,
            "usage": self.usage.to_json(),
            "latencyMs": self.latency_ms,
        }
        if self.extra:
            kept["extra"] = self.extra
        if self.origin:
            kept["origin"] = self.origin
        if self.files:
            kept["files"] = [*self.files]
        return kept

    def as_message(self) -> Message:
        """Turn the answer into the message with which the conversation goes on.

        Returns:
            A message of the `assistant`.
        """
        parts = (TextPart(self.text),) if self.text else ()
        return Message("assistant", parts, self.tool_calls, extra=self.extra, origin=self.origin)


def answer_from_json(kept: Json) -> ChatAnswer:
    """Return the answer that a record holds."""
    values: dict[str, Json] = kept  # type: ignore[assignment] # written by `to_json`
    calls: list[dict[str, Json]] = values["toolCalls"]  # type: ignore[assignment]
    return ChatAnswer(
        text=str(values["text"]),
        tool_calls=tuple(ToolCall(**call) for call in calls),  # type: ignore[arg-type]
        finish=values["finish"],  # type: ignore[arg-type]
        model=str(values["model"]),
        usage=usage_from_json(values["usage"]),
        latency_ms=int(values["latencyMs"]),  # type: ignore[arg-type]
        extra=values.get("extra", {}),  # type: ignore[arg-type]
        origin=str(values.get("origin", "")),
        files=tuple(values.get("files", ())),  # type: ignore[arg-type]
    )
