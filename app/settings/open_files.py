"""How many files the process may have open, and how they are shared out."""

import resource

from app.settings.server import Settings
from engine.value import value

_OWN = 228
"""The journal, 100 posts to webhooks, models, mail, MCP servers, readers of documents, the log."""


@value(frozen=True, slots=True)
class OpenFiles:
    """The limit, and what the settings need of it.

    Attributes:
        limit: How many may be open at once.
        needed: All connections from outside, one to the outside for each step, and the
            server's own files.
        connections: How many connections from outside are taken at once. What else needs a
            file is kept free for it: at least half, where the limit is too low.
    """

    limit: int
    needed: int
    connections: int

    @property
    def is_enough(self) -> bool:
        """Say whether everything that the settings allow finds a file."""
        return self.limit >= self.needed


def open_files(settings: Settings, limit: int) -> OpenFiles:
    """Return how a limit is shared out."""
    kept = settings.max_concurrent_steps + _OWN
    connections = max(limit - kept, limit // 2)
    return OpenFiles(
        limit, settings.max_connections + kept, max(1, min(settings.max_connections, connections))
    )


def highest_limit() -> int:
    """Return the limit that a process of this kind may set for itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _counted(max(soft, hard) if resource.RLIM_INFINITY not in (soft, hard) else -1)


def raise_limit() -> int:
    """Raise this process' own limit as far as it may; returns the limit then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return _counted(soft)  # some systems have a lower bound than they tell
    return _counted(hard)


def _counted(limit: int) -> int:
    """Return a limit as a number: one that is none is very high."""
    return 2**30 if limit == resource.RLIM_INFINITY or limit < 0 else limit
