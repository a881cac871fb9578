"""How a model is named and reached, in the server's settings and in tenants' documents."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.settings.network_values import web_address
from app.settings.rates import Rate
from app.settings.scripted import Script
from steps.language.durations import Duration
from steps.models.headers import FurtherHeaders
from steps.models.options import FALLBACK, REASONING, Fallback, Reasoning, Structured

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]
"""The name by which definitions refer to a model."""


_OURS = frozenset(
    {
        "model", "messages", "stream", "stream_options", "tools", "tool_choice", "max_tokens",
        "response_format", "system", "output_config", "input", "encoding_format",
    }
)  # fmt: skip
_LONGEST_OPTIONS = 20_000


class Prices(BaseModel):
    """The price of a million tokens of a model; all prices are in one currency of your choice."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    input: float = Field(ge=0, le=1_000_000, description="a million tokens that it reads")
    output: float = Field(ge=0, le=1_000_000, description="a million tokens that it writes")
    cachedInput: float | None = Field(  # noqa: N815
        None,
        ge=0,
        le=1_000_000,
        description="price of a million tokens read from its cache; as `input` without it",
    )
    cacheWrite: float | None = Field(  # noqa: N815
        None,
        ge=0,
        le=1_000_000,
        description="price of a million tokens written to its cache; as `input` without it",
    )


class ModelDocument(BaseModel):
    """A model as a tenant defines it."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    provider: Literal["openai", "anthropic", "scripted"] = Field(
        description="openai: any endpoint that implements OpenAI's chat completions; anthropic; "
        "or scripted: no endpoint, the answers are in `scripts`"
    )
    model: str = Field(min_length=1, max_length=200, description="the provider's name for it")
    baseUrl: str | None = Field(  # noqa: N815 - documents are camelCase
        None,
        max_length=2_000,
        description="the address of the endpoint, if it is not the provider's own",
    )
    secret: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="the tenant's secret that contains the API key",
    )
    maxTokens: int | None = Field(  # noqa: N815
        None,
        strict=True,
        ge=1,
        le=10_000_000,
        description="the most tokens that an answer may have, unless a step sets this",
    )
    timeout: Duration = Field(
        300_000, description="how long one answer may take, `retries` included"
    )
    retries: int = Field(
        2,
        strict=True,
        ge=0,
        le=10,
        description="how often a question is retried after 429, 5xx or a broken connection, by "
        "the provider's own rules; and, for a step without its own `retry`, after an answer that "
        "is an error or cannot be read",
    )
    maxConcurrent: int | None = Field(  # noqa: N815
        None,
        strict=True,
        ge=1,
        le=100_000,
        description="how many questions may be open at once over all runs; further ones wait in "
        "line, tenants take turns, and no timeout counts meanwhile. Processes that share a "
        "database each get a part, at least one. Without it, no limit",
    )
    rate: Rate | None = Field(
        None,
        max_length=20,
        description="how often it may be asked over all runs, such as `10/s` or `100/m`, evenly "
        "spaced; further questions wait as for `maxConcurrent`. Without it, no limit",
    )
    stream: bool = Field(
        False,
        strict=True,
        description="read answers as a stream; clients that ask for the `deltas` of a run receive "
        "them",
    )
    structured: Structured = Field(
        "json_schema",
        description="how the schema of an answer is sent to the endpoint; `tool`: as a tool that "
        "must be called",
    )
    reasoning: Reasoning | None = Field(None, description=REASONING)
    cache: bool | None = Field(
        None,
        description="whether provider anthropic is asked to cache its input; without it, the "
        "agent or the step decides. Other providers decide by themselves",
    )
    fallback: Fallback = Field([], description=FALLBACK)
    options: dict[str, Any] = Field(
        {},
        max_length=50,
        description="further keys of each request, as the endpoint defines them, such as `top_p`",
    )
    headers: FurtherHeaders = Field(
        {},
        max_length=20,
        description="further headers of each request; `secret:NAME` is a secret of the tenant",
    )
    scripts: list[Script] = Field(
        [],
        max_length=50,
        description="the answers of provider scripted: the first script whose `when` is true",
    )
    images: bool | None = Field(
        None,
        description="whether it accepts images; with `false`, images that steps name are refused "
        "too. Without it, models of provider openai receive only the type and size of images "
        "returned by tools",
    )
    pdf: bool = Field(
        False,
        strict=True,
        description="whether it accepts PDF files named by steps; without it, the text is "
        "extracted instead",
    )
    audio: bool = Field(
        False,
        strict=True,
        description="whether it accepts audio (WAV, MP3) named by steps; provider openai only",
    )
    embeddings: bool = Field(
        False,
        strict=True,
        description="the model makes vectors of texts for the tool `knowledge`, at `/embeddings` "
        "below `baseUrl`, and answers no questions; provider openai only",
    )
    prices: Prices | None = Field(
        None, description="the prices of its tokens; without it, its answers have no `cost`"
    )

    @field_validator("baseUrl")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = web_address(value, "name a secret")
        if parts.query or parts.fragment:
            raise ValueError("must not have a query or a fragment")
        return value

    @field_validator("options")
    @classmethod
    def _not_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(value.keys() & _OURS):
            raise ValueError(f"must not have {', '.join(taken)}, which the server sets itself")
        try:
            size = len(json.dumps(value, allow_nan=False))
        except TypeError as odd:
            raise ValueError(f"must be JSON: {odd}") from odd
        if size > _LONGEST_OPTIONS:
            raise ValueError(f"must have {_LONGEST_OPTIONS:,} characters as JSON at most")
        return value

    @property
    def takes_images(self) -> bool:
        """Whether images returned by tools are sent to the model."""
        return self.provider == "anthropic" if self.images is None else self.images

    @property
    def takes(self) -> frozenset[str]:
        """What the model accepts besides text: some of `images`, `pdf` and `audio`."""
        shown = {"images": self.images is not False, "pdf": self.pdf, "audio": self.audio}
        return frozenset(name for name, is_taken in shown.items() if is_taken)

    @model_validator(mode="after")
    def _fits_provider(self) -> "ModelDocument":
        if self.provider == "anthropic" and self.structured == "json_object":
            raise ValueError("structured: json_object is supported by provider openai only")
        if self.provider == "anthropic" and self.audio:
            raise ValueError("audio: models of provider anthropic accept no audio")
        if self.provider == "openai" and isinstance(self.reasoning, int):
            raise ValueError("reasoning: provider openai takes words, such as low or high")
        if self.embeddings and self.provider != "openai":
            raise ValueError("embeddings: only models of provider openai can make vectors of texts")
        if (self.provider == "scripted") != bool(self.scripts):
            raise ValueError(
                "scripts: required with provider scripted, and not allowed with others"
            )
        if self.provider == "scripted" and (self.baseUrl or self.secret):
            raise ValueError("provider scripted takes no baseUrl and no secret")
        return self


class ModelSettings(ModelDocument):
    """A model defined in the server's settings; its key may come from the environment."""

    keyEnv: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200, description="the environment variable with the key"
    )

    @model_validator(mode="after")
    def _one_key(self) -> "ModelSettings":
        if self.keyEnv is not None and self.secret is not None:
            raise ValueError("give secret or keyEnv, not both")
        return self
