"""What is kept of a person's sign-in at an MCP server, as texts to seal; no library is needed."""

import json
from dataclasses import asdict, field
from typing import Any, Self

from engine.value import value


class SignInFailed(Exception):
    """A sign-in at an MCP server cannot begin or end; the message holds no secret."""


class NotSignedIn(Exception):
    """Nobody of the tenant is signed in at an MCP server."""

    def __init__(self, server: str) -> None:
        super().__init__(f"nobody is signed in at MCP server {server}")


class RefreshRefused(Exception):
    """The server does not give new tokens any more: somebody has to sign in again."""


@value(frozen=True, slots=True)
class Registration:
    """As what this server is known to an authorization server.

    Attributes:
        method: How it shows who it is: `none`, `client_secret_basic` or `client_secret_post`.
    """

    issuer: str
    redirect_uri: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    method: str = "none"

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what a text holds."""
        return cls(**json.loads(text))


@value(frozen=True, slots=True)
class Way:
    """Where tokens are given for a server, and for what.

    Attributes:
        resource: The server, as the tokens must name it.
        revoke: Where tokens are revoked, where the authorization server has such an address.
    """

    registration: Registration
    authorize: str
    token: str
    revoke: str | None
    resource: str
    scope: str | None
    names_itself: bool
    """Whether the authorization server says who it is where it leads back."""

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """Return the way that a document holds."""
        return cls(**{**given, "registration": Registration(**given["registration"])})


@value(frozen=True, slots=True)
class _OnAWay:
    way: Way

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> Self:
        """Return what a text holds."""
        given = json.loads(text)
        return cls(**{**given, "way": Way.of(given["way"])})


@value(frozen=True, slots=True)
class Attempt(_OnAWay):
    """A sign-in that has begun; `caller` alone may end it."""

    caller: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    until_ms: int


@value(frozen=True, slots=True)
class Tokens(_OnAWay):
    """The tokens of somebody who is signed in; `until_ms` is None where nobody says."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    until_ms: int | None
