"""How many tokens a question and its answer had, where the provider does not say."""

from engine.value import value
from steps.effects.chat import ChatRequest, ToolCall, Usage
from steps.models.tokens import input_tokens, text_tokens


@value(frozen=True, slots=True)
class Told:
    """What a provider says of the tokens of an answer; None where it says nothing.

    Attributes:
        tokens_in: All that it has read, also what came from its cache.
        cached: Those of them that came from its cache.
        written: Those of them that it has put there.
    """

    tokens_in: int | None
    tokens_out: int | None
    cached: int | None = None
    written: int | None = None


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
    cached = min(told.cached or 0, tokens)
    return Usage(
        tokens,
        _answered(text, calls) if tokens_out is None else tokens_out,
        estimated=tokens_in is None or tokens_out is None,
        cached_tokens=cached,
        written_tokens=min(told.written or 0, tokens - cached),
    )


def _answered(text: str, calls: tuple[ToolCall, ...]) -> int:
    return text_tokens(text) + sum(text_tokens(call.name + call.text) for call in calls)
