"""Estimates the tokens of a request and its answer if the provider does not report them."""

from engine.value import value
from steps.effects.chat import ChatRequest, ToolCall, Usage
from steps.models.tokens import input_tokens, text_tokens


@value(frozen=True, slots=True)
class ReportedTokens:
    """What a provider reports on the tokens of an answer; None for what it does not report.

    Attributes:
        tokens_in: All input tokens, including those from its cache.
        cached: The input tokens that came from its cache.
        written: The input tokens that it wrote to its cache.
    """

    tokens_in: int | None
    tokens_out: int | None
    cached: int | None = None
    written: int | None = None


def usage_of(
    request: ChatRequest,
    text: str,
    calls: tuple[ToolCall, ...],
    reported: ReportedTokens,
) -> Usage:
    """Return the usage that a provider reported; missing numbers are estimated.

    Every request has some tokens, so two zeros count as not reported.
    """
    tokens_in, tokens_out = reported.tokens_in, reported.tokens_out
    if not tokens_in and not tokens_out:
        tokens_in = tokens_out = None
    tokens = input_tokens(request) if tokens_in is None else tokens_in
    cached = min(reported.cached or 0, tokens)
    return Usage(
        tokens,
        _answered(text, calls) if tokens_out is None else tokens_out,
        estimated=tokens_in is None or tokens_out is None,
        cached_tokens=cached,
        written_tokens=min(reported.written or 0, tokens - cached),
    )


def _answered(text: str, calls: tuple[ToolCall, ...]) -> int:
    return text_tokens(text) + sum(text_tokens(call.name + call.text) for call in calls)
