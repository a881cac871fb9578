"""What is said to a model and what it says, whoever provides the model."""

from dataclasses import dataclass
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


Part: TypeAlias = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool.

    Attributes:
        arguments: None when what the model sent is no JSON object; `text` shows it.
    """

    id: str
    name: str
    arguments: "JsonObject | None"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        tool_calls: What an `assistant` message wants called.
        tool_call_id: Which call a `tool` message answers.
    """

    role: Literal["system", "user", "assistant", "tool"]
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


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
class ChatAnswer:
    """What a model answered.

    Attributes:
        finish: Why it stopped: `length` is a cut-off answer, `refusal` a refused one.
        model: The model's own name, as its provider tells it.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish: Literal["stop", "tool_calls", "length", "refusal"]
    model: str
    input_tokens: int
    output_tokens: int
    latency_ms: int

    def to_json(self) -> JsonObject:
        """Return the answer as it is journaled; `usage` is what status adds up."""
        calls: list[Json] = [
            {"id": call.id, "name": call.name, "arguments": call.arguments, "text": call.text}
            for call in self.tool_calls
        ]
        return {
            "text": self.text,
            "toolCalls": calls,
            "finish": self.finish,
            "model": self.model,
            "usage": {"inputTokens": self.input_tokens, "outputTokens": self.output_tokens},
            "latencyMs": self.latency_ms,
        }


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
        input_tokens=usage["inputTokens"],
        output_tokens=usage["outputTokens"],
        latency_ms=int(values["latencyMs"]),  # type: ignore[arg-type]
    )
