"""What a provider's module needs to send one request to a model."""

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

_NO_ARGUMENTS = ("", "null")
_NONE: Mapping[str, str] = MappingProxyType({})
further_headers: ContextVar[Mapping[str, str]] = ContextVar("further_headers", default=_NONE)
"""Headers that the model's document adds to those of the provider's library."""


def _nothing(_: str) -> None:
    pass


@value(frozen=True, slots=True)
class Endpoint:
    """A model with what is needed to reach it.

    Attributes:
        base_url: The address at which it is served.
        key: None if the endpoint needs none.
        client: The HTTP client (of httpx2) that the provider's library must use.
        on_text: Receives each piece of an answer's text that comes as a stream.
        retries: How often the library asks again after a temporary failure.
    """

    settings: ModelDocument
    base_url: str
    key: str | None
    client: Any
    retries: int = 0
    on_text: Callable[[str], None] = _nothing

    @property
    def origin(self) -> str:
        """The source of an answer: a provider's additions are sent back only to their source."""
        return f"{self.settings.provider} {self.base_url}"


def tool_calls(found: Iterable[tuple[str, str, str, JsonObject]]) -> tuple[ToolCall, ...]:
    """Return calls made of id, name, text of the arguments, and what the provider added.

    Each call gets a unique id. Arguments are None if their text is not a JSON object. An id that is
    made here has nine letters and digits, the one form that all providers accept.
    """
    calls: list[ToolCall] = []
    taken: set[str] = set()
    for number, (given_id, name, given, extra) in enumerate(found):
        call_id = given_id if given_id and given_id not in taken else f"call{number:05}"
        taken.add(call_id)
        text = whole_characters(given)
        calls.append(ToolCall(call_id, name.strip(" \t\r\n\"'`"), _arguments(text), text, extra))
    return tuple(calls)


class CallIds:
    """Call ids in a form that one endpoint accepts.

    It may refuse those of another endpoint, and an id that a later message has again, as some
    servers write them.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._origin = endpoint.origin
        self._sent: dict[str, str] = {}
        self._uses: dict[str, int] = {}

    def of(self, message: Message) -> list[str]:
        """Return the ids of a message's calls; the results that follow refer to them."""
        is_its_own = message.origin == self._origin
        self._sent = {
            call.id: self._unused(call.id if is_its_own else _short(call.id))
            for call in message.tool_calls
        }
        return [self._sent[call.id] for call in message.tool_calls]

    def answered(self, message: Message) -> str:
        """Return the id of the call whose result a message is."""
        call_id = message.tool_call_id or ""
        return self._sent.get(call_id, call_id)

    def _unused(self, call_id: str) -> str:
        uses = self._uses[call_id] = self._uses.get(call_id, 0) + 1
        return call_id if uses == 1 else _short(f"{call_id} {uses}")


def _short(call_id: str) -> str:
    return sha256(call_id.encode()).hexdigest()[:9]


def named(part: Part) -> TextPart:
    """Return a part as text; an image as its type and size."""
    if isinstance(part, TextPart):
        return part
    size = f"{part.media_type}, {len(part.content):,} bytes"
    return TextPart(f"(picture, {size}; this model is not shown pictures)")


async def beside_loop(request: ChatRequest, make: Callable[[], T]) -> T:
    """Return the result of `make` for a request, in a thread if it has many bytes to write."""
    parts = (part for message in request.messages for part in message.parts)
    size = sum(len(part.content) for part in parts if not isinstance(part, TextPart))
    return await offload(make) if size > LONG_BYTES else make()


def must_take(endpoint: Endpoint, part: FilePart) -> None:
    """Raise `StepBroke` unless the model accepts a file: a fallback or another agent's may not."""
    what = "pdf" if part.media_type == PDF else "audio"
    if what not in endpoint.settings.takes:
        message = (
            f"model {endpoint.settings.model} takes no {what}, so it cannot be shown {part.name}; "
            f"if it does, set `{what}: true` in its document"
        )
        raise StepBroke("ModelRejected", message, retryable=False)


def arguments_text(arguments: "JsonObject | None", text: str) -> str:
    """Return a call's arguments as the model wrote them if they are JSON, otherwise repaired."""
    if arguments is None:
        return text
    return text if text.lstrip().startswith("{") else json.dumps(arguments, ensure_ascii=False)


def _arguments(text: str) -> "JsonObject | None":
    if text.strip() in _NO_ARGUMENTS:
        return {}
    try:
        return only_object(text)
    except ValueError:
        return None
