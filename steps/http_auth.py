"""How a request says who sends it: the ways that `auth` of call-api knows."""

import base64
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from steps.contract import StepSettings
from steps.template import SecretTemplate

TextOf: TypeAlias = Callable[[SecretTemplate, str], str]
"""Returns the text of a template; the name of the setting is for the error."""


class _Auth(StepSettings):
    def templates(self) -> dict[str, SecretTemplate]:
        """Return what may name secrets, by its key."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: item for name, item in named.items() if isinstance(item, SecretTemplate)}

    @abstractmethod
    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent: its name and its value."""


class BasicAuth(_Auth):
    """A user's name and password, as `Authorization: Basic`."""

    type: Literal["basic"] = Field(description="HTTP Basic: a name and a password")
    username: SecretTemplate = Field(description="the user's name")
    password: SecretTemplate = Field(description="the user's password")

    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent."""
        pair = f"{text(self.username, 'auth.username')}:{text(self.password, 'auth.password')}"
        return "Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"


class BearerAuth(_Auth):
    """A token, as `Authorization: Bearer`."""

    type: Literal["bearer"] = Field(description="a token in `Authorization: Bearer`")
    token: SecretTemplate = Field(description="the token")

    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent."""
        return "Authorization", f"Bearer {text(self.token, 'auth.token')}"


class HeaderAuth(_Auth):
    """A key in a header of its own."""

    type: Literal["header"] = Field(description="a key in a header of its own")
    name: SecretTemplate = Field(description="the header's name, such as `X-Api-Key`")
    value: SecretTemplate = Field(description="what it holds")

    def header(self, text: TextOf) -> tuple[str, str]:
        """Return the header that is sent."""
        return text(self.name, "auth.name"), text(self.value, "auth.value")


_KINDS: dict[str, type[_Auth]] = {"basic": BasicAuth, "bearer": BearerAuth, "header": HeaderAuth}


def _of_its_kind(given: Any) -> Any:
    """Read `auth` as the kind it names, so that problems stand at its keys."""
    if not isinstance(given, dict):
        return given
    kind = given.get("type")
    if isinstance(kind, str) and kind in _KINDS:
        return _KINDS[kind].model_validate(given)
    wrong = PydanticCustomError("auth_type", "must be basic, bearer or header")
    detail = InitErrorDetails(type=wrong, loc=("type",), input=kind)
    raise ValidationError.from_exception_data("auth", [detail])


Auth = Annotated[
    BasicAuth | BearerAuth | HeaderAuth,
    Field(discriminator="type"),
    BeforeValidator(_of_its_kind),
]
"""One way to say who sends a request, told apart by `type`."""
