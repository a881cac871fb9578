"""Who hears that a history may have new events."""

from typing import Protocol


class Listeners(Protocol):
    """Those who hear of appends."""

    @property
    def is_used(self) -> bool:
        """Whether there are any."""
        ...

    def heard(self, tenant: str, run_id: str, /) -> None:
        """Take notice that a run may have new events; there may be none."""
        ...


class Nobody:
    """No listeners."""

    is_used = False

    def heard(self, _: str, __: str, /) -> None:
        """Do nothing."""
