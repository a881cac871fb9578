"""Signals and token requests that steps send."""

from engine import Json
from engine.value import value


@value(frozen=True, slots=True)
class OutgoingSignal:
    """A signal that a step sends.

    Attributes:
        name: Its name, such as `payment`.
        key: Distinguishes signals of one name, such as the number of an order.
        data: Its content, a JSON value.
        keep_ms: How long it is kept until a run waits for it, in milliseconds.
        to_all: Whether every run that waits now gets it, and no later run.
    """

    name: str
    key: str
    data: Json
    keep_ms: int
    to_all: bool = False


@value(frozen=True, slots=True)
class TokenRequest:
    """A request for an OAuth 2.0 token by client credentials.

    Attributes:
        url: The address of the token server.
        client_id: The client's id.
        client_secret: The client's secret.
        scope: The requested scope, empty for the server's default.
        audience: The audience of the token, if the server requires one.
        in_body: Whether id and secret are sent in the form instead of in `Authorization`.
    """

    url: str
    client_id: str
    client_secret: str
    scope: str = ""
    audience: str = ""
    in_body: bool = False
