"""Guesses the tenant of a request from earlier requests with the same credentials.

The caller is known only after a part of the work is done. While several tenants share the event
loop, that part takes turns too: of sixty requests that one tenant sends at once, each begins after
the one before, and another tenant's request is served in between.
"""

from collections.abc import Iterable

from app.concurrency.fair_loop import FairLoop

IN_TURNS = "stepwell.in_turns"
"""In the scope of a request, the tenant in whose turns all of it is handled."""

_SHOWN = frozenset((b"x-api-key", b"x-tenant-id", b"authorization", b"cookie"))
"""The header fields with credentials."""

_REMEMBERED = 1_000
Headers = Iterable[tuple[bytes, bytes]]


class LikelyTenants:
    """Remembers the tenants of credentials; used only while the event loop is shared."""

    def __init__(self, fair_loop: FairLoop) -> None:
        self.fair_loop = fair_loop
        self._tenants: dict[int, str] = {}

    def tenant(self, headers: Headers) -> str | None:
        """Return the tenant in whose turns a request is handled from the start, if known."""
        return self._tenants.get(caller_of(headers))

    def note(self, headers: Headers, tenant: str) -> None:
        """Record the tenant that a request turned out to belong to."""
        if who := caller_of(headers):
            if len(self._tenants) >= _REMEMBERED:
                self._tenants.clear()
            self._tenants[who] = tenant


def caller_of(headers: Headers) -> int:
    """Return a number for the credentials of a request, 0 without any."""
    shown = tuple([field for field in headers if field[0] in _SHOWN])
    return hash(shown) if shown else 0
