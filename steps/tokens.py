"""About how many tokens something has, where no provider has counted them."""

import json
from collections.abc import Iterable

from steps.chat import ChatRequest, Message, TextPart, ToolSpec

_BYTES_A_TOKEN = 4
_TOKENS_A_PICTURE = 1_000
_TOKENS_A_MESSAGE = 4


def input_tokens(request: ChatRequest) -> int:
    """Return about how many tokens a question has."""
    tokens = text_tokens(json.dumps(request.schema)) if request.schema else 0
    return tokens + specs_tokens(request.tools) + sum(map(message_tokens, request.messages))


def specs_tokens(specs: Iterable[ToolSpec]) -> int:
    """Return about how many tokens tools have, as a model is told of them."""
    return sum(text_tokens(s.name + s.description + json.dumps(s.schema)) for s in specs)


def message_tokens(message: Message) -> int:
    """Return about how many tokens a message has."""
    parts = sum(
        text_tokens(part.text) if isinstance(part, TextPart) else _TOKENS_A_PICTURE
        for part in message.parts
    )
    calls = sum(text_tokens(call.name + call.text) for call in message.tool_calls)
    return _TOKENS_A_MESSAGE + parts + calls


def text_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text.encode()) // _BYTES_A_TOKEN)
