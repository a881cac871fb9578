"""The authentication methods of call-api's `auth`."""

import base64
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from steps.contract.step_type import StepBroke, StepSettings
from steps.effects.outgoing import TokenRequest
from steps.language.template import SecretTemplate

TextOf: TypeAlias = Callable[[SecretTemplate, str], str]
"""Returns the text of a template; the name of the setting is for the error message."""


class _Auth(StepSettings):
    def templates(self) -> dict[str, SecretTemplate]:
        """Return the templates that may name secrets, by their keys."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: item for name, item in named.items() if isinstance(item, SecretTemplate)}


class _HeaderAuth(_Auth):
    @abstractmethod
    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent: its name and its value."""


class BasicAuth(_HeaderAuth):
    """A user's name and password, as `Authorization: Basic`."""

    type: Literal["basic"] = Field(description="HTTP Basic: a name and a password")
    username: SecretTemplate = Field(description="the user's name")
    password: SecretTemplate = Field(description="the user's password")

    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent."""
        username = text(self.username, "auth.username")
        if ":" in username:  # it would end there (RFC 7617, section 2)
            message = "auth.username has a colon, which HTTP Basic cannot send"
            raise StepBroke("InvalidRequest", message, retryable=False)
        pair = f"{username}:{text(self.password, 'auth.password')}"
        return "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"


class BearerAuth(_HeaderAuth):
    """A token, as `Authorization: Bearer`."""

    type: Literal["bearer"] = Field(description="a token in `Authorization: Bearer`")
    token: SecretTemplate = Field(description="the token")

    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent."""
        return "Authorization", f"Bearer {text(self.token, 'auth.token')}"


class HeaderAuth(_HeaderAuth):
    """A key in a header of its own."""

    type: Literal["header"] = Field(description="a key in a header of its own")
    name: SecretTemplate = Field(description="the header's name, such as `X-Api-Key`")
    value: SecretTemplate = Field(description="the header's value")

    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent."""
        return text(self.name, "auth.name"), text(self.value, "auth.value")


class OAuth2Auth(_Auth):
    """A token that is fetched with client credentials, as `Authorization: Bearer`."""

    type: Literal["oauth2"] = Field(
        description="an OAuth 2.0 token in `Authorization: Bearer`, fetched with client "
        "credentials, kept in memory until it expires, and fetched again if it is refused (401)"
    )
    tokenUrl: SecretTemplate = Field(  # noqa: N815 - the document's word
        description="the address of the token server"
    )
    clientId: SecretTemplate = Field(description="the client's id")  # noqa: N815
    clientSecret: SecretTemplate = Field(description="the client's secret")  # noqa: N815
    scope: SecretTemplate | None = Field(
        None, description="the requested scopes, separated by blanks"
    )
    audience: SecretTemplate | None = Field(
        None, description="the audience of the token, if the server requires one"
    )
    credentialsIn: Literal["header", "body"] = Field(  # noqa: N815
        "header",
        description="whether the id and the secret are sent as `Authorization: Basic` or in the "
        "form",
    )

    def request(self, text: TextOf) -> TokenRequest:
        """Return the token request."""
        return TokenRequest(
            url=text(self.tokenUrl, "auth.tokenUrl"),
            client_id=text(self.clientId, "auth.clientId"),
            client_secret=text(self.clientSecret, "auth.clientSecret"),
            scope=text(self.scope, "auth.scope") if self.scope else "",
            audience=text(self.audience, "auth.audience") if self.audience else "",
            in_body=self.credentialsIn == "body",
        )


_KINDS: dict[str, type[_Auth]] = {
    "basic": BasicAuth, "bearer": BearerAuth, "header": HeaderAuth, "oauth2": OAuth2Auth,
}  # fmt: skip


def _of_its_kind(given: Any) -> Any:
    """Read `auth` as the kind that it names, so that problems name its own keys."""
    if not isinstance(given, dict):
        return given
    kind = given.get("type")
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind].model_validate(given)
    wrong = PydanticCustomError("auth_type", "must be basic, bearer, header or oauth2")
    detail = InitErrorDetails(type=wrong, loc=("type",), input=kind)
    raise ValidationError.from_exception_data("auth", [detail])


Auth = Annotated[
    BasicAuth | BearerAuth | HeaderAuth | OAuth2Auth,
    Field(discriminator="type"),
    BeforeValidator(_of_its_kind),
]
"""One authentication method, selected by `type`."""
