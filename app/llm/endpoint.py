"""What a provider's module is given to ask one question."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from hashlib import sha256
from types import MappingProxyType
from typing import Any, TypeVar

from app.concurrency.offload import LONG_BYTES, offload
from app.llm.tolerant import whole_characters
from app.settings.llm import ModelDocument
from engine import JsonObject
from engine.value import value
from steps.contract.step_type import StepBroke
from steps.effects.chat import PDF, ChatRequest, FilePart, Message, Part, TextPart, ToolCall
from steps.models.json_objects import only_object

T = TypeVar("T")

_NONE: Mapping[str, str] = MappingProxyType({})
further_headers: ContextVar[Mapping[str, str]] = ContextVar("further_headers", default=_NONE)
"""What the model's document wants sent beside what the provider's library sends."""


def _nothing(_: str) -> None:
    pass


@value(frozen=True, slots=True)
class Endpoint:
    """A model with what it takes to reach it.

    Attributes:
        base_url: Where it is served.
        key: None for an endpoint that wants none.
        client: The HTTP client (of httpx2) that the provider's library is to use.
        on_text: Takes each piece of an answer's text as it comes, where it comes as a stream.
        retries: How often the library asks again after a failure that may pass.
    """

    settings: ModelDocument
    base_url: str
    key: str | None
    client: Any
    retries: int = 0
    on_text: Callable[[str], None] = _nothing

    @property
    def origin(self) -> str:
        """Who answers: what a provider sends for itself goes back to the same one only."""
        return f"{self.settings.provider} {self.base_url}"


def tool_calls(found: Iterable[tuple[str, str, str, JsonObject]]) -> tuple[ToolCall, ...]:
    """Return calls made of id, name, text of the arguments, and what the provider added.

    Each has an id of its own; arguments are None when their text is no JSON object. An id that is
    made here has the one form that all providers take: nine letters and digits.
    """
    calls: list[ToolCall] = []
    taken: set[str] = set()
    for number, (told_id, name, told, extra) in enumerate(found):
        call_id = told_id if told_id and told_id not in taken else f"call{number:05}"
        taken.add(call_id)
        text = whole_characters(told)
        calls.append(ToolCall(call_id, name.strip(" \t\r\n\"'`"), _arguments(text), text, extra))
    return tuple(calls)


class CallIds:
    """The ids of calls as one endpoint takes them: those of others have a form that it may not."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._origin = endpoint.origin
        self._sent: dict[str, str] = {}

    def of(self, message: Message) -> list[str]:
        """Return the ids of the calls of a message, to which results that follow belong."""
        is_its_own = message.origin == self._origin
        self._sent = {
            call.id: call.id if is_its_own else sha256(call.id.encode()).hexdigest()[:9]
            for call in message.tool_calls
        }
        return [self._sent[call.id] for call in message.tool_calls]

    def answered(self, message: Message) -> str:
        """Return the id of the call whose result a message is."""
        call_id = message.tool_call_id or ""
        return self._sent.get(call_id, call_id)


def named(part: Part) -> TextPart:
    """Return a part as text, a picture by its type and size."""
    if isinstance(part, TextPart):
        return part
    size = f"{part.media_type}, {len(part.content):,} bytes"
    return TextPart(f"(picture, {size}; this model is not shown pictures)")


async def beside_loop(request: ChatRequest, make: Callable[[], T]) -> T:
    """Return what `make` makes of a question, in a thread where that has many bytes to write."""
    parts = (part for message in request.messages for part in message.parts)
    size = sum(len(part.content) for part in parts if not isinstance(part, TextPart))
    return await offload(make) if size > LONG_BYTES else make()


def must_take(endpoint: Endpoint, part: FilePart) -> None:
    """Raise `StepBroke` unless the model takes a file: a fallback may not, or another agent's."""
    what = "pdf" if part.media_type == PDF else "audio"
    if what not in endpoint.settings.takes:
        message = (
            f"model {endpoint.settings.model} takes no {what}, so it cannot be shown {part.name}; "
            f"where it does, say `{what}: true` in its document"
        )
        raise StepBroke("ModelRejected", message, retryable=False)


def arguments_text(arguments: "JsonObject | None", text: str) -> str:
    """Return the arguments of a call as the model wrote them, were they JSON; else mended."""
    if arguments is None:
        return text
    return text if text.lstrip().startswith("{") else json.dumps(arguments, ensure_ascii=False)


def _arguments(text: str) -> "JsonObject | None":
    if not text.strip():
        return {}
    try:
        return only_object(text)
    except ValueError:
        return None
