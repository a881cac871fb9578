"""How many tokens a question and its answer had, where the provider does not say."""

import json

from steps.chat import ChatRequest, TextPart, ToolCall, Usage

_BYTES_A_TOKEN = 4
_TOKENS_A_PICTURE = 1_000
_TOKENS_A_MESSAGE = 4


def usage_of(
    request: ChatRequest,
    text: str,
    calls: tuple[ToolCall, ...],
    told: tuple[int | None, int | None],
) -> Usage:
    """Return what a provider told of input and output; what it did not tell is estimated.

    A question has some tokens in any case, so two zeros tell nothing.
    """
    tokens_in, tokens_out = told
    if not tokens_in and not tokens_out:
        tokens_in = tokens_out = None
    return Usage(
        _asked(request) if tokens_in is None else tokens_in,
        _answered(text, calls) if tokens_out is None else tokens_out,
        estimated=tokens_in is None or tokens_out is None,
    )


def _asked(request: ChatRequest) -> int:
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
