"""How many tokens a question and its answer had, where the provider does not say."""

import json
from dataclasses import dataclass

from steps.chat import ChatRequest, TextPart, ToolCall, Usage

_BYTES_A_TOKEN = 4
_TOKENS_A_PICTURE = 1_000
_TOKENS_A_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider says of the tokens of an answer; None where it says nothing.

    Attributes:
        tokens_in: All that it has read, also what came from its cache.
        cached: Those of them that came from its cache.
    """

    tokens_in: int | None
    tokens_out: int | None
    cached: int | None = None


def usage_of(
    request: ChatRequest,
    text: str,
    calls: tuple[ToolCall, ...],
    told: Told,
) -> Usage:
    """Return what a provider told of input and output; what it did not tell is estimated.

    A question has some tokens in any case, so two zeros tell nothing.
    """
    tokens_in, tokens_out = told.tokens_in, told.tokens_out
    if not tokens_in and not tokens_out:
        tokens_in = tokens_out = None
    tokens = input_tokens(request) if tokens_in is None else tokens_in
    return Usage(
        tokens,
        _answered(text, calls) if tokens_out is None else tokens_out,
        estimated=tokens_in is None or tokens_out is None,
        cached_tokens=min(told.cached or 0, tokens),
    )


def input_tokens(request: ChatRequest) -> int:
    """Return about how many tokens a question has."""
    tokens = _tokens(json.dumps(request.schema)) if request.schema else 0
    for message in request.messages:
        tokens += _TOKENS_A_MESSAGE + sum(
            _tokens(part.text) if isinstance(part, TextPart) else _TOKENS_A_PICTURE
            for part in message.parts
        )
        tokens += _answered("", message.tool_calls)
    for tool in request.tools:
        tokens += _tokens(tool.name + tool.description + json.dumps(tool.schema))
    return tokens


def _answered(text: str, calls: tuple[ToolCall, ...]) -> int:
    return _tokens(text) + sum(_tokens(call.name + call.text) for call in calls)


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // _BYTES_A_TOKEN)
