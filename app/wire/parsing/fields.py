"""The header fields of a request, parsed once."""

from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

_FIELDS = "stepwell.fields"

_DIGITS = 20
"""From so many digits on, a length counts as none."""


class Fields(Headers):
    """Header fields by name, in any case, each at the cost of one lookup.

    Attributes:
        repeated: The names that occur more than once; the first value counts.
        kind: The media type of the body in lower case, without parameters.
        length: The declared length of the body, None if there is none.
        is_forwarded: Whether a proxy names the client or its scheme.
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._list = list(raw)
        self._first: dict[str, str] = {}
        self.repeated: set[str] = set()
        for key, value in self._list:
            name = key.decode("latin-1")
            if name in self._first:
                self.repeated.add(name)
            else:
                self._first[name] = value.decode("latin-1")
        first = self._first
        self.kind = first.get("content-type", "").partition(";")[0].strip().lower()
        length = first.get("content-length", "")
        self.length = int(length) if length.isdecimal() and len(length) < _DIGITS else None
        self.is_forwarded = "x-forwarded-for" in first or "x-forwarded-proto" in first

    def get(self, key: str, default: Any = None) -> Any:
        """Return the first value of a field."""
        return self._first.get(key.lower(), default)

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower()]

    def __contains__(self, key: object) -> bool:
        return str(key).lower() in self._first


def fields_of(scope: Scope) -> Fields:
    """Return the header fields of a request; they are parsed on first use."""
    found: Fields | None = scope.get(_FIELDS)
    if found is None:
        found = scope[_FIELDS] = Fields(scope["headers"])
    return found


class HttpRequest(Request):
    """A request whose header fields are parsed only once, for all readers."""

    headers = None  # type: ignore[assignment] # a plain attribute per request, since it is read often

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self.headers = fields_of(scope)
