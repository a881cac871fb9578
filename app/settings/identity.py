"""The settings of one identity provider (OpenID Connect), and how its claims are read."""

import os
import re
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.settings.network_values import web_address

ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
RoleName: TypeAlias = Literal["owner", "admin", "editor", "operator", "viewer"]
SigningAlgorithm: TypeAlias = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""Algorithms with a public key: being able to check a token is not enough to make one."""

_ALL: list[SigningAlgorithm] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip
_LOCAL = ("127.0.0.1", "localhost", "::1")
TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class IdentityProviderSettings(BaseModel):
    """An identity provider whose users and tokens this server accepts."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    issuer: str = Field(
        max_length=2_000, description="the provider's https address, as its tokens give it in `iss`"
    )
    clientId: str = Field(  # noqa: N815 - settings in tables are camelCase
        min_length=1, max_length=500, description="the client id of this server at the provider"
    )
    clientSecretEnv: str | None = Field(  # noqa: N815
        None, min_length=1, max_length=200,
        description="the environment variable with the client secret; without it, a public client",
    )  # fmt: skip
    title: str | None = Field(None, max_length=100, description="its name on the sign-in page")
    audience: str | None = Field(
        None,
        max_length=500,
        description="the value that `aud` of API tokens must contain; `clientId` without it",
    )
    scopes: list[str] = Field(
        ["openid", "profile", "email"],
        max_length=50,
        description="the scopes that the sign-in requests",
    )
    algorithms: list[SigningAlgorithm] = Field(
        _ALL, min_length=1, description="the algorithms with which tokens may be signed"
    )
    tenant: str | None = Field(
        None, pattern=f"^{TENANT.pattern}$", description="the tenant of all its people"
    )
    tenantClaim: str | None = Field(  # noqa: N815
        None, max_length=500, description="the claim that names the tenant, instead of `tenant`"
    )
    tenants: dict[str, str] = Field(
        {}, max_length=10_000,
        description="tenants by the value of the claim; other values are refused. Without it, the "
        "value itself is the tenant",
    )  # fmt: skip
    roleClaim: str | None = Field(  # noqa: N815
        None, max_length=500, description="the claim, a text or a list, that decides the role"
    )
    roles: dict[str, RoleName] = Field(
        {}, max_length=10_000,
        description="roles by values of the claim; the highest role counts",
    )  # fmt: skip
    defaultRole: RoleName | None = Field(  # noqa: N815
        None,
        description="the role of people to whom `roles` gives none; without it, they are refused",
    )
    groupsClaim: str | None = Field(  # noqa: N815
        None, max_length=500, description="the claim with the person's groups"
    )
    nameClaim: str | None = Field(  # noqa: N815
        None, max_length=500,
        description="the claim with the person's name; without it, preferred_username, email or "
        "sub",
    )  # fmt: skip

    @field_validator("issuer")
    @classmethod
    def _plain_issuer(cls, value: str) -> str:
        parts = web_address(value, "give clientId and clientSecretEnv")
        if parts.scheme != "https" and parts.hostname not in _LOCAL:
            raise ValueError("must begin with https://")
        if parts.query or parts.fragment:
            raise ValueError("must not have a query or a fragment")
        return value

    @field_validator("tenants")
    @classmethod
    def _are_tenants(cls, value: dict[str, str]) -> dict[str, str]:
        for tenant in value.values():
            if not TENANT.fullmatch(tenant):
                raise ValueError(f"{tenant[:100]!r} is not a valid tenant name")
        return value

    @model_validator(mode="after")
    def _one_tenant(self) -> Self:
        if (self.tenant is None) == (self.tenantClaim is None):
            raise ValueError("give tenant or tenantClaim, one of them")
        if self.tenants and self.tenantClaim is None:
            raise ValueError("tenants needs tenantClaim")
        if (self.roleClaim is None) != (not self.roles):
            raise ValueError("give roleClaim and roles, or neither")
        if self.roleClaim is None and self.defaultRole is None:
            raise ValueError("give roleClaim with roles, or a defaultRole")
        return self

    @property
    def client_secret(self) -> str | None:
        """The client's secret. Raises `ValueError` where its variable is not set."""
        if self.clientSecretEnv is None:
            return None
        secret = os.environ.get(self.clientSecretEnv)
        if not secret:
            raise ValueError(f"the environment variable {self.clientSecretEnv} is not set")
        return secret


def claim_of(claims: dict[str, Any], name: str) -> Any:
    """Return a claim by its name or dotted path; None if there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found
