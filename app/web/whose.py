"""Whose a request is, told by what the ones before it have turned out to be.

Who asks is known when a part of the work has been done. While more than one tenant computes that
part takes turns too: sixty requests of one tenant that come at once begin one after the other,
and the one request of another tenant between them.
"""

from collections.abc import Iterable

from app.concurrency.fair_loop import FairLoop

IN_TURNS = "stepwell.in_turns"
"""In the scope of a request, the tenant among whose turns all of it is."""

_SHOWN = frozenset((b"x-api-key", b"x-tenant-id", b"authorization", b"cookie"))
"""The header fields that say who asks."""

_REMEMBERED = 1_000
Headers = Iterable[tuple[bytes, bytes]]


class Whose:
    """Remembers which headers were whose; to be asked and told while the loop is shared."""

    def __init__(self, fair_loop: FairLoop) -> None:
        self.fair_loop = fair_loop
        self._tenants: dict[int, str] = {}

    def tenant(self, headers: Headers) -> str | None:
        """Return whose turns a request has to take from its beginning, if that is known."""
        return self._tenants.get(_who(headers))

    def note(self, headers: Headers, tenant: str) -> None:
        """Note whose a request has turned out to be."""
        if who := _who(headers):
            if len(self._tenants) >= _REMEMBERED:
                self._tenants.clear()
            self._tenants[who] = tenant


def _who(headers: Headers) -> int:
    """Return a number for who asks, 0 where nothing says so."""
    shown = tuple([field for field in headers if field[0] in _SHOWN])
    return hash(shown) if shown else 0
