"""Says which tenant the current task works for, for all code below it that shares by tenant."""

from contextvars import ContextVar

working_for: ContextVar[str] = ContextVar("tenant", default="")
"""The tenant that a task, and the tasks it starts, work for."""


def work_for(tenant: str) -> None:
    """Set the tenant that this task, and the tasks it starts, work for from now on."""
    working_for.set(tenant)


def current_tenant() -> str:
    """Return the tenant that this task works for; empty for the server itself."""
    return working_for.get()
