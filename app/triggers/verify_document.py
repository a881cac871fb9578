"""How a trigger verifies the sender of a request, as people write it."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from steps.language.durations import WRITTEN, Duration

SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]
Preset = Literal[
    "github", "stripe", "slack", "standard-webhooks", "hmac", "basic", "header", "none"
]
_MEANT_FOR: dict[str, tuple[str, ...]] = {
    "header": ("hmac", "header"),
    "algorithm": ("hmac",),
    "encoding": ("hmac",),
    "prefix": ("hmac",),
    "timestampHeader": ("hmac",),
    "username": ("basic",),
    "tolerance": ("stripe", "slack", "standard-webhooks", "hmac"),
}
_NEEDED: dict[str, tuple[str, ...]] = {
    "header": ("hmac", "header"),
    "username": ("basic",),
}


class Verify(BaseModel):
    """How the sender of a request is verified."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    preset: Preset = Field(
        description="`github`, `stripe`, `slack` and `standard-webhooks` use the headers of these "
        "services; `hmac` is any other signature, `basic` a user name and password, `header` a "
        "text in a header; `none` accepts anybody who knows the address"
    )
    secret: SecretName | None = Field(
        None,
        validate_default=True,
        description="the name of the secret with the signing key, the password or the text",
    )
    formerSecret: SecretName | None = Field(  # noqa: N815 - the API's words
        None, description="another secret that is also accepted, while a secret is being replaced"
    )
    header: HeaderName | None = Field(
        None, validate_default=True, description="the header with the signature or the text"
    )
    algorithm: Literal["sha256", "sha512", "sha1"] = Field(
        "sha256", description="with `hmac`, the hash function"
    )
    encoding: Literal["hex", "base64"] = Field(
        "hex", description="with `hmac`, the encoding of the signature"
    )
    prefix: str = Field(
        "", max_length=40, description="with `hmac`, the prefix of the signature, such as `sha256=`"
    )
    timestampHeader: HeaderName | None = Field(  # noqa: N815
        None,
        description="with `hmac`, the header with the time in Unix seconds, if `time.body` is "
        "what is signed; without it, the body alone is signed",
    )
    username: str | None = Field(
        None, max_length=200, validate_default=True, description="with `basic`, the user name"
    )
    tolerance: Annotated[Duration, WRITTEN] = Field(
        300_000,
        gt=0,
        le=3_600_000,
        description="how far the time of a signature may be from now; anything older counts as a "
        "replay",
    )

    @field_validator("secret")
    @classmethod
    def _secret(cls, secret: str | None, info: ValidationInfo) -> str | None:
        preset = info.data.get("preset")
        if preset == "none" and secret is not None:
            raise ValueError("cannot be used with none")
        if preset not in ("none", None) and secret is None:
            raise ValueError(f"is required with {preset}: the name of a secret of the tenant")
        return secret

    @field_validator("formerSecret")
    @classmethod
    def _former(cls, secret: str | None, info: ValidationInfo) -> str | None:
        if secret is not None and info.data.get("preset") == "none":
            raise ValueError("cannot be used with none")
        return secret

    @field_validator(
        "header", "algorithm", "encoding", "prefix", "timestampHeader", "username", "tolerance"
    )
    @classmethod
    def _belongs(cls, value: Any, info: ValidationInfo) -> Any:
        preset, name = info.data.get("preset"), str(info.field_name)
        if preset is None:
            return value
        is_given = value != cls.model_fields[name].default
        has_no_time = preset == "hmac" and info.data.get("timestampHeader") is None
        if value is None:
            if preset in _NEEDED.get(name, ()):
                raise ValueError(f"is required with {preset}")
        elif preset not in _MEANT_FOR[name] and is_given:
            raise ValueError(f"cannot be used with {preset}")
        elif name == "tolerance" and has_no_time and is_given:
            raise ValueError("needs a timestampHeader: without it no time is signed")
        return value
