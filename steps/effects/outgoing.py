"""What steps send that is no HTTP request of their own: signals, and requests for tokens."""

from engine import Json
from engine.value import value


@value(frozen=True, slots=True)
class OutgoingSignal:
    """A signal that a step sends.

    Attributes:
        name: Its name, such as `payment`.
        key: Which of its name it is, such as the number of an order.
        data: What it says, a JSON value.
        keep_ms: For how long it is kept for a run that does not wait yet, in milliseconds.
        to_all: Whether every run that waits now gets it, and no run later.
    """

    name: str
    key: str
    data: Json
    keep_ms: int
    to_all: bool = False


@value(frozen=True, slots=True)
class TokenRequest:
    """What an OAuth 2.0 token is asked for with, by client credentials.

    Attributes:
        url: The address of the server that gives tokens.
        client_id: Who asks.
        client_secret: What only they know.
        scope: What the token shall allow, empty for what the server chooses.
        audience: Whom it is for, where the server wants to know.
        in_body: Whether id and secret stand in the form, and not in `Authorization`.
    """

    url: str
    client_id: str
    client_secret: str
    scope: str = ""
    audience: str = ""
    in_body: bool = False
