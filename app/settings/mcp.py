"""The settings of one MCP server: how it is reached, and its time limits."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from app.settings import json_text
from app.settings.network_values import web_address
from steps.language.durations import Duration

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_REFERENCE = "env:"


class VariableNotSet(Exception):
    """A value refers to an environment variable that is not set."""

    def __init__(self, key: str, variable: str) -> None:
        super().__init__(f"{key} wants the environment variable {variable}, which is not set")


def _shown(value: str) -> str:
    return value if value.startswith(_REFERENCE) else "***"


Hidden = Annotated[str, PlainSerializer(_shown)]
"""A value that may be secret: `env:VARIABLE` names its source; any other value is never shown."""


class McpOAuth(BaseModel):
    """How an access token for a server is obtained: OAuth 2.0 client credentials."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    token_url: str = Field(alias="tokenUrl", description="the token endpoint")
    client_id: Hidden = Field(alias="clientId", description="who asks")
    client_secret: Hidden = Field(alias="clientSecret", description="the client secret")
    scope: str = Field("", description="the scope of the token; without it, the server chooses")
    audience: str = Field("", description="the audience of the token, if the server requires one")
    in_body: bool = Field(
        False, alias="inBody", description="id and secret in the form, not in `Authorization`"
    )

    @field_validator("token_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        web_address(value, "give clientId and clientSecret")
        return value


class McpSignIn(BaseModel):
    """How a person signs in to a server: OAuth 2.1 authorization code with PKCE."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)

    client_id: Hidden | None = Field(
        None,
        alias="clientId",
        description="the client id under which Stepwell is registered; without it, Stepwell "
        "registers itself",
    )
    client_secret: Hidden | None = Field(
        None, alias="clientSecret", description="the client secret, if there is one"
    )
    scope: str = Field(
        "", description="the scope of the token; without it, the one that the server names"
    )
    in_body: bool = Field(
        False, alias="inBody", description="id and secret in the form, not in `Authorization`"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.client_secret is not None and self.client_id is None:
            raise ValueError("clientSecret belongs to a clientId")
        return self


class McpServerSettings(BaseModel):
    """A server that is started as a process (`command`) or called over HTTP (`url`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, populate_by_name=True)

    command: str | None = Field(None, min_length=1, description="the program to start")
    args: list[str] = Field([], description="its arguments")
    env: dict[str, Hidden] = Field(
        {}, description="environment variables besides PATH, HOME and the like"
    )
    cwd: Path | None = Field(None, description="the working folder of the program")
    url: str | None = Field(
        None, description="the address of the server's endpoint (streamable HTTP)"
    )
    headers: dict[str, Hidden] = Field({}, description="headers sent with every request")
    oauth: McpOAuth | None = Field(
        None, description="how the token is fetched that is sent with every request"
    )
    sign_in: McpSignIn | None = Field(
        None,
        alias="signIn",
        description="set this, even to `{}`, if a person of each tenant has to sign in",
    )
    timeout: Duration = Field(60_000, description="how long one call may take")
    start_timeout: Duration = Field(
        30_000, alias="startTimeout", description="how long it may take to list its tools"
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            web_address(value, "put them in headers, as env:VARIABLE")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either command (a process) or url (streamable HTTP)")
        if self.url is None and (self.headers or self.oauth or self.sign_in):
            raise ValueError("headers, oauth and signIn belong to a server with a url")
        if self.oauth and self.sign_in:
            raise ValueError("give either oauth or signIn")
        has_token = self.oauth is not None or self.sign_in is not None
        if has_token and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("give either oauth or a header authorization, or signIn")
        if self.url is not None and (self.args or self.env or self.cwd):
            raise ValueError("args, env and cwd belong to a server with a command")
        return self


def resolved(values: Mapping[str, str]) -> dict[str, str]:
    """Return values with `env:VARIABLE` replaced. Raises `VariableNotSet`."""
    found = {}
    for key, value in values.items():
        if value.startswith(_REFERENCE):
            variable = value.removeprefix(_REFERENCE)
            if variable not in os.environ:
                raise VariableNotSet(key, variable)
            found[key] = os.environ[variable]
        else:
            found[key] = value
    return found


def taken_from_variables(values: Mapping[str, str]) -> list[str]:
    """Return those values that `env:VARIABLE` names: secrets. Raises `VariableNotSet`."""
    named = {key: value for key, value in values.items() if value.startswith(_REFERENCE)}
    return [*resolved(named).values()]


def _parsed(given: Any) -> Any:
    """Read the JSON text of the environment or the command line."""
    if not isinstance(given, str):
        return given
    try:
        return json_text.read(given)
    except ValueError as malformed:
        raise ValueError(f"must be a JSON object of servers by name: {malformed}") from malformed


def _named(servers: dict[str, McpServerSettings]) -> dict[str, McpServerSettings]:
    for name in servers:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} must be letters, digits, - and _, at most 64")
    return servers


McpServersSettings = Annotated[
    dict[str, McpServerSettings], BeforeValidator(_parsed), AfterValidator(_named)
]
"""MCP servers by name; tables in TOML, JSON text elsewhere"""
