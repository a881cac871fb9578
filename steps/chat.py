"""What is said to a model and what it says, whoever provides the model."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine import Json, JsonObject


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture in a message."""

    media_type: str
    content: bytes


IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""The media types of pictures that providers take."""

Part: TypeAlias = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool.

    Attributes:
        arguments: None when what the model sent is no JSON object; `text` shows it.
        extra: What the provider sent with the call for itself.
    """

    id: str
    name: str
    arguments: "JsonObject | None"
    text: str = ""
    extra: "JsonObject" = field(default_factory=dict)

    def to_json(self) -> "JsonObject":
        """Return the call as it is journaled."""
        kept: JsonObject = {
            "id": self.id,
            "name": self.name,
            "arguments": self.arguments,
            "text": self.text,
        }
        return {**kept, "extra": self.extra} if self.extra else kept


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
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


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told of it; the name has letters, digits, `_` and `-` only."""

    name: str
    description: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One question to a model.

    Attributes:
        model: The name under which the settings or the tenant know the model; None: the
            default one.
        schema: The JSON Schema that the answer's text must fit, None for free text.
        tools: What the model may call.
    """

    model: str | None
    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    schema: "JsonObject | None" = None
    tools: tuple[ToolSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more answers.

    Attributes:
        estimated: Whether a provider did not say, so that some are counted by estimate.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        """Return both together."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.estimated or other.estimated,
        )

    @property
    def total(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens

    def to_json(self) -> JsonObject:
        """Return the usage as it is journaled and shown."""
        tokens: JsonObject = {"inputTokens": self.input_tokens, "outputTokens": self.output_tokens}
        return {**tokens, "estimated": True} if self.estimated else tokens


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What a model answered.

    Attributes:
        finish: Why it stopped: `length` is a cut-off answer, `refusal` a refused one.
        model: The model's own name, as its provider tells it.
        extra: What the provider sent for itself with an answer that calls tools.
        origin: Who the provider is, and where.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: Literal["stop", "tool_calls", "length", "refusal"]
    model: str
    usage: Usage
    latency_ms: int
    extra: "JsonObject" = field(default_factory=dict)
    origin: str = ""

    def to_json(self) -> JsonObject:
        """Return the answer as it is journaled; `usage` is what status adds up."""
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
        return kept

    def as_message(self) -> Message:
        """Return the answer as the conversation goes on with it."""
        parts = (TextPart(self.text),) if self.text else ()
        return Message("assistant", parts, self.tool_calls, extra=self.extra, origin=self.origin)


def answer_from_json(kept: Json) -> ChatAnswer:
    """Return the answer that a record holds."""
    values: dict[str, Json] = kept  # type: ignore[assignment] # written by `to_json`
    calls: list[dict[str, Json]] = values["toolCalls"]  # type: ignore[assignment]
    usage: dict[str, int] = values["usage"]  # type: ignore[assignment]
    return ChatAnswer(
        text=str(values["text"]),
        tool_calls=tuple(ToolCall(**call) for call in calls),  # type: ignore[arg-type]
        finish=values["finish"],  # type: ignore[arg-type]
        model=str(values["model"]),
        usage=Usage(
            usage["inputTokens"], usage["outputTokens"], estimated=usage.get("estimated") is True
        ),
        latency_ms=int(values["latencyMs"]),  # type: ignore[arg-type]
        extra=values.get("extra", {}),  # type: ignore[arg-type]
        origin=str(values.get("origin", "")),
    )
