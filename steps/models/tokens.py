"""Estimates numbers of tokens where no provider has counted them."""

import json
from collections.abc import Iterable

from steps.effects.chat import ChatRequest, FilePart, ImagePart, Message, TextPart, ToolSpec

_BYTES_A_TOKEN = 4
_TOKENS_A_PICTURE = 1_000
_BYTES_A_TOKEN_OF_A_FILE = 50
_TOKENS_A_MESSAGE = 4


def input_tokens(request: ChatRequest) -> int:
    """Return an estimate of the tokens in a request."""
    tokens = text_tokens(json.dumps(request.schema)) if request.schema else 0
    return tokens + specs_tokens(request.tools) + sum(map(message_tokens, request.messages))


def specs_tokens(specs: Iterable[ToolSpec]) -> int:
    """Return an estimate of the tokens in the descriptions of tools."""
    return sum(text_tokens(s.name + s.description + json.dumps(s.schema)) for s in specs)


def message_tokens(message: Message) -> int:
    """Return an estimate of the tokens in a message."""
    parts = sum(
        text_tokens(part.text) if isinstance(part, TextPart) else _tokens_of(part)
        for part in message.parts
    )
    calls = sum(text_tokens(call.name + call.text) for call in message.tool_calls)
    return _TOKENS_A_MESSAGE + parts + calls


def _tokens_of(part: ImagePart | FilePart) -> int:
    """Return an estimate: ten kilobytes or more are a page of a PDF, or a second of sound."""
    if isinstance(part, ImagePart):
        return _TOKENS_A_PICTURE
    return max(_TOKENS_A_PICTURE, len(part.content) // _BYTES_A_TOKEN_OF_A_FILE)


def text_tokens(text: str) -> int:
    """Return an estimate of the tokens in a text."""
    return bytes_tokens(len(text.encode()))


def bytes_tokens(size: int) -> int:
    """Return an estimate of the tokens in a text of a number of bytes."""
    return -(-size // _BYTES_A_TOKEN)
