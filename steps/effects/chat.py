"""Requests to chat models and their answers, in a form that is the same for every provider."""

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
    """A file in a message that is not a picture: a PDF, or sound.

    Attributes:
        media_type: Such as `application/pdf`, or `audio/wav`.
        content: The bytes of the file.
        name: Its file name; never a path.
    """

    media_type: str
    content: bytes
    name: str = ""


ANSWER_TOOL = "answer"
"""The tool that a model calls to answer, for endpoints that take the schema as a tool."""

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The media types of pictures that providers accept."""

PDF = "application/pdf"
AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
"""The media types of sound that providers accept, and the providers' names for them."""

Part: TypeAlias = TextPart | ImagePart | FilePart


@value(frozen=True, slots=True)
class ToolCall:
    """A model's request to call a tool.

    Attributes:
        id: Identifies the call within one answer.
        name: The name of a `ToolSpec` that the model was given.
        arguments: The arguments for the tool; None if the model did not send a JSON object.
        text: What the model sent, if it is not a JSON object.
        extra: Provider-specific data that came with the call.
    """

    id: str
    name: str
    arguments: "JsonObject | None"
    text: str = ""
    extra: "JsonObject" = field(default_factory=dict)

    def to_json(self) -> "JsonObject":
        """Return the call in the form in which it is journaled.

        Returns:
            `id`, `name`, `arguments`, `text`, and `extra` if there is any.
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
        role: The sender.
        parts: The content.
        tool_calls: The calls that an `assistant` message requests.
        tool_call_id: The call that a `tool` message answers.
        extra: Provider-specific data that came with an `assistant` message.
        origin: The provider of `extra`; no other provider is sent it, nor the `extra` of the calls.
    """

    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    extra: "JsonObject" = field(default_factory=dict)
    origin: str = ""

    @property
    def text(self) -> str:
        """Its text, without images and files; an empty line is between parts."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))


@value(frozen=True, slots=True)
class ToolSpec:
    """A tool as it is described to a model.

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
    """One request to a model.

    Attributes:
        model: The model's name in the settings or of the tenant; None: the default model.
        messages: The conversation so far, oldest first.
        temperature: How much the answers vary, from 0; None: the provider's default.
        max_tokens: The most tokens of the answer; None: the default in the model's settings.
        schema: The JSON Schema that the answer's text must fit, None for free text.
        tools: The tools that the model may call.
        agent: The id of the agent on whose behalf the model is asked; empty without one.
        tool_choice: `required` if a tool must be called, or the name of a tool that must be; None:
            the model chooses. Endpoints without this feature are not sent it.
        reasoning: How much the model thinks first: a word from `none` to `xhigh`, or a number of
            tokens; None: the default in the model's settings.
        structured: How the endpoint is sent `schema`; None: the default in the model's settings.
        fallback: Models that are asked instead if it fails; empty: those in its settings.
        caches: Whether to ask the provider to cache the request, because the next one extends it.
        conversation: Identifies the conversation, for providers that keep each in one place.
        headers: Additional headers of the request; those in the model's settings take precedence.
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
    """The tokens of one or more answers, and their cost.

    Attributes:
        input_tokens: Tokens that models have read, including those from a cache.
        output_tokens: Tokens that models have written.
        estimated: Whether some counts are estimates, because a provider gave none.
        cached_tokens: The input tokens that came from the provider's cache.
        cost_nano: The price, in billionths of the currency of the prices; None if no model has a
            price.
        written_tokens: The input tokens that the provider has written to its cache.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cached_tokens: int = 0
    cost_nano: int | None = None
    written_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of both."""
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
        """The input and output tokens together."""
        return self.input_tokens + self.output_tokens

    def to_json(self) -> JsonObject:
        """Return the usage in the form that the journal and people see.

        Returns:
            `inputTokens` and `outputTokens`; `cachedTokens`, `cacheWrittenTokens` and `cost` if
            there are any; `estimated` if it is true.
        """
        counts: JsonObject = {"inputTokens": self.input_tokens, "outputTokens": self.output_tokens}
        if self.cached_tokens:
            counts["cachedTokens"] = self.cached_tokens
        if self.written_tokens:
            counts["cacheWrittenTokens"] = self.written_tokens
        if self.cost_nano is not None:
            counts["cost"] = in_currency(self.cost_nano)
        return {**counts, "estimated": True} if self.estimated else counts


_NANO = 1_000_000_000


def in_currency(nano: int) -> float:
    """Convert a price from billionths to the currency of the prices."""
    return nano / _NANO


def in_nano(cost: float) -> int:
    """Convert a price to billionths of the currency of the prices."""
    return round(cost * _NANO)


def usage_from_json(kept: Json) -> Usage:
    """Return the usage that a record holds; anything but a number counts as none."""
    counts = kept if isinstance(kept, dict) else {}
    cost = counts.get("cost")
    is_priced = isinstance(cost, int | float) and not isinstance(cost, bool)
    return Usage(
        _count(counts.get("inputTokens")),
        _count(counts.get("outputTokens")),
        bool(counts.get("estimated")),
        _count(counts.get("cachedTokens")),
        in_nano(cost) if is_priced else None,  # type: ignore[arg-type] # it is a number
        _count(counts.get("cacheWrittenTokens")),
    )


def _count(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


Finish: TypeAlias = Literal["stop", "tool_calls", "length", "context", "refusal"]
"""Why an answer ends."""


@value(frozen=True, slots=True)
class ChatAnswer:
    """The answer of a model.

    Attributes:
        text: The text, empty if the model only calls tools.
        tool_calls: The tool calls that it requests.
        finish: Why it stopped: `length` if it reached its token limit, `context` if it reached the
            end of the model's context, `refusal` if the model refused.
        model: The model's own name, as reported by its provider.
        usage: The tokens that the model has read and written.
        latency_ms: How long it took, in milliseconds.
        extra: Provider-specific data that came with an answer that calls tools.
        origin: The provider, and its address.
        made: Pictures and sound that the model has made; they are not journaled.
        files: The same as stored files: the id, name, type and size of each.
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
        """Return the answer in the form in which it is journaled.

        Returns:
            The input of `answer_from_json`; the status of a run adds up its `usage`.
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
        """Return the answer as a message of the conversation.

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
