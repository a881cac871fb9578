"""For which tenant the current task works, for whatever is shared out by tenant below it."""

from contextvars import ContextVar

working_for: ContextVar[str] = ContextVar("tenant", default="")
"""For whom a task, and those that it starts, work."""


def work_for(tenant: str) -> None:
    """Note for whom this task, and those that it starts, work from now on."""
    working_for.set(tenant)


def current_tenant() -> str:
    """Return for whom this task works; empty for the server itself."""
    return working_for.get()
