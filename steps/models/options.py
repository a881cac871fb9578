"""The options of a request to a model that work with every provider."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]

Reasoning: TypeAlias = Effort | Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
"""How much a model thinks first: a word, or a number of tokens if its provider counts them."""

Structured: TypeAlias = Literal["json_schema", "json_object", "prompt", "tool"]
"""How an endpoint is sent the schema that an answer must fit."""

Fallback: TypeAlias = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=5)
]
"""Names of models that are tried in order when the one before has failed."""

REASONING = (
    "how much it thinks first: a word, or tokens with provider anthropic; the model's own without"
)
FALLBACK = "models that are asked instead, in their order, where that one fails; its own without"
