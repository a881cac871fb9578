"""Computes what model calls cost, from the prices in the models' documents."""

from collections.abc import Sequence
from dataclasses import replace

from app.settings.llm import ModelDocument, Prices
from engine.value import value
from steps.effects.chat import ChatRequest, Usage, in_nano
from steps.models.tokens import input_tokens, text_tokens

_PER_TOKEN = 1_000_000
_LONGEST_ANSWER = 16_384
"""The assumed maximum of tokens in an answer without a limit."""


@value(frozen=True, slots=True)
class Estimate:
    """What a request may cost before it is sent; costs in billionths.

    Attributes:
        model: The model's name in definitions.
        tokens_in: About how many tokens the request has.
        tokens_out: How many tokens the answer has at most.
        nano_in: What the request costs.
        nano_out: What the longest answer costs.
    """

    model: str
    tokens_in: int
    tokens_out: int
    nano_in: int
    nano_out: int


def estimate(name: str, model: ModelDocument, request: ChatRequest) -> Estimate:
    """Return what a request to a model may cost."""
    tokens_in = input_tokens(request)
    tokens_out = request.max_tokens or model.maxTokens or _LONGEST_ANSWER
    question, answer = Usage(tokens_in), Usage(0, tokens_out)
    return Estimate(
        name,
        tokens_in,
        tokens_out,
        priced(question, model.prices).cost_nano or 0,
        priced(answer, model.prices).cost_nano or 0,
    )


def estimate_texts(name: str, model: ModelDocument, texts: Sequence[str]) -> Estimate:
    """Return what the vectors of texts may cost."""
    tokens = sum(map(text_tokens, texts))
    return Estimate(name, tokens, 0, priced(Usage(tokens), model.prices).cost_nano or 0, 0)


def priced(usage: Usage, prices: Prices | None) -> Usage:
    """Return a usage with its cost; unchanged if the model has no prices."""
    if prices is None:
        return usage
    fresh = usage.input_tokens - usage.cached_tokens - usage.written_tokens
    cached = prices.input if prices.cachedInput is None else prices.cachedInput
    written = prices.input if prices.cacheWrite is None else prices.cacheWrite
    cost = fresh * prices.input + usage.cached_tokens * cached + usage.written_tokens * written
    cost += usage.output_tokens * prices.output
    return replace(usage, cost_nano=in_nano(cost / _PER_TOKEN))
