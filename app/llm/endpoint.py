"""What a provider's module is given to ask one question."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.settings.llm import ModelDocument
from engine import Json, JsonObject
from steps.chat import ToolCall
from steps.contract import StepBroke
from steps.strict_json import parse_strictly

W = TypeVar("W", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model with what it takes to reach it.

    Attributes:
        key: None for an endpoint that wants none.
        client: The HTTP client (of httpx2) that the provider's library is to use.
    """

    settings: ModelDocument
    key: str | None
    client: Any


class Wire(BaseModel):
    """Base of what is read from an answer: the parts that are used, whatever else is there."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def read(model: type[W], answer: object) -> W:
    """Return the used parts of an answer. Raises `StepBroke` when it is not in the wire format."""
    try:
        return model.model_validate(answer)
    except ValidationError as odd:
        raise _not_in_format(odd) from odd


def tool_call(call_id: str, name: str, text: str) -> ToolCall:
    """Return a call; its arguments are None when their text is no JSON object."""
    try:
        arguments: Json = parse_strictly(text) if text.strip() else {}
    except ValueError:
        arguments = None
    return ToolCall(call_id, name, arguments if isinstance(arguments, dict) else None, text)


def arguments_text(arguments: "JsonObject | None", text: str) -> str:
    """Return the arguments of a call as the model wrote them."""
    return text if text or arguments is None else json.dumps(arguments, ensure_ascii=False)


def cut_short() -> StepBroke:
    """Return the failure of a stream that stopped in the middle."""
    return StepBroke("InvalidResponse", "the model's answer ended before it was complete")


def _not_in_format(odd: ValidationError) -> StepBroke:
    first = odd.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the answer"
    message = f"the model's answer is not in its wire format: {place}: {first['msg']}"
    return StepBroke("InvalidResponse", message)
