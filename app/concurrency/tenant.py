"""For which tenant the current task works, for whatever is shared out by tenant below it."""

from contextvars import ContextVar

_tenant: ContextVar[str] = ContextVar("tenant", default="")


def work_for(tenant: str) -> None:
    """Note for whom this task, and those that it starts, work from now on."""
    _tenant.set(tenant)


def current_tenant() -> str:
    """Return for whom this task works; empty for the server itself."""
    return _tenant.get()
