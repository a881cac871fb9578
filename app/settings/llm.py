"""How a model is named and reached, in the server's settings and in tenants' documents."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from steps.durations import Duration

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""What definitions call a model."""


class Prices(BaseModel):
    """What a million tokens of a model cost, in whichever currency all prices are in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0, le=1_000_000, description="a million tokens that it reads")
    output: float = Field(ge=0, le=1_000_000, description="a million tokens that it writes")
    cachedInput: float | None = Field(  # noqa: N815
        None,
        ge=0,
        le=1_000_000,
        description="a million tokens that it reads from its cache; as `input` without it",
    )


class ModelDocument(BaseModel):
    """A model as a tenant names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Literal["openai", "anthropic"] = Field(
        description="openai: any endpoint that speaks OpenAI's chat completions; or anthropic"
    )
    model: str = Field(min_length=1, max_length=200, description="the provider's name for it")
    baseUrl: str | None = Field(  # noqa: N815 - documents are camelCase
        None, max_length=2_000, description="where it is served, if not by the provider itself"
    )
    secret: str | None = Field(
        None, min_length=1, max_length=128, description="the tenant's secret that holds the key"
    )
    maxTokens: int | None = Field(  # noqa: N815
        None,
        strict=True,
        ge=1,
        le=10_000_000,
        description="tokens that an answer may have, unless a step says",
    )
    timeout: Duration = Field(
        300_000, description="how long one answer may take, `retries` included"
    )
    retries: int = Field(
        2,
        strict=True,
        ge=0,
        le=10,
        description="how often a question is asked again after 429, 5xx or a broken connection, "
        "by the provider's own rules, for a step that has no `retry` of its own",
    )
    stream: bool = Field(False, strict=True, description="read answers as a stream")
    structured: Literal["json_schema", "json_object", "prompt"] = Field(
        "json_schema", description="how the endpoint is told the schema that an answer must fit"
    )

    images: bool | None = Field(
        None,
        description="whether it takes pictures that tools give; else it is told their type and "
        "size. Without it, those of provider anthropic do",
    )
    prices: Prices | None = Field(
        None, description="what its tokens cost; without it, its answers have no `cost`"
    )

    @field_validator("baseUrl")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            is_plain = parts.port is None or parts.port > 0
        except ValueError as wrong:
            raise ValueError(f"is no address: {wrong}") from wrong
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
            raise ValueError("must begin with http:// or https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must hold no user and no password; name a secret")
        if parts.query or parts.fragment:
            raise ValueError("must have no query and no fragment")
        return value

    @property
    def takes_images(self) -> bool:
        """Whether pictures that tools give are sent to it."""
        return self.provider == "anthropic" if self.images is None else self.images

    @model_validator(mode="after")
    def _fits_provider(self) -> "ModelDocument":
        if self.provider == "anthropic" and self.structured == "json_object":
            raise ValueError("structured: json_object is a mode of provider openai only")
        return self


class ModelSettings(ModelDocument):
    """A model as the server's settings name it: its key may come from the environment."""

    keyEnv: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200, description="the environment variable with the key"
    )

    @model_validator(mode="after")
    def _one_key(self) -> "ModelSettings":
        if self.keyEnv is not None and self.secret is not None:
            raise ValueError("give secret or keyEnv, not both")
        return self
