"""How many files the process may have open, and how that limit is divided."""

import resource

from app.settings.server import Settings
from engine.value import value

_OWN = 228
"""The journal, 100 posts to webhooks, models, mail, MCP servers, readers of documents, the log."""

_LEAST_OWN = 48
"""What a server without load has open, and a few more."""


@value(frozen=True, slots=True)
class OpenFiles:
    """The limit, and what the settings need of it.

    Attributes:
        limit: How many files may be open at once.
        needed: Files for all incoming connections, one outgoing connection per step, and the
            server's own files.
        connections: How many incoming connections are accepted at once. If the limit is too low, at
            least half of it is reserved for everything else, and what the server needs itself.
    """

    limit: int
    needed: int
    connections: int

    @property
    def is_enough(self) -> bool:
        """Whether the limit is high enough for everything that the settings allow."""
        return self.limit >= self.needed


def open_files(settings: Settings, limit: int) -> OpenFiles:
    """Return how a limit is divided."""
    kept = settings.max_concurrent_steps + _OWN
    connections = max(limit - kept, min(limit // 2, limit - _LEAST_OWN))
    return OpenFiles(
        limit, settings.max_connections + kept, max(1, min(settings.max_connections, connections))
    )


def highest_limit() -> int:
    """Return the highest limit that this process may set for itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _counted(max(soft, hard) if resource.RLIM_INFINITY not in (soft, hard) else -1)


def raise_limit() -> int:
    """Raise the limit of this process as far as allowed; return the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return _counted(soft)  # some systems enforce a lower limit than they report
    return _counted(hard)


def _counted(limit: int) -> int:
    """Return a limit as a number; "unlimited" becomes a very high one."""
    return 2**30 if limit == resource.RLIM_INFINITY or limit < 0 else limit
