"""Rows and filters of versioned definitions."""

from collections.abc import Callable

from engine import JsonObject
from engine.value import value
from journal.errors import NotFound, UnknownAgent, UnknownWorkflow


@value(frozen=True, slots=True)
class Kind:
    """A kind of definition, stored in two tables: one for the definitions, one for their versions.

    Attributes:
        word: What people call one of them.
        owner: The column of the second table that names the definition.
        has_runs: Whether it has runs, which must have ended before it is deleted.
    """

    word: str
    things: str
    versions: str
    owner: str
    unknown: Callable[[str], NotFound]
    has_runs: bool

    @property
    def of_one(self) -> str:
        """The condition that finds the versions of one definition of a tenant."""
        return f"tenant = ? AND {self.owner} = ?"


WORKFLOWS = Kind("workflow", "workflows", "versions", "workflow_id", UnknownWorkflow, has_runs=True)
AGENTS = Kind("agent", "agents", "agent_versions", "agent_id", UnknownAgent, has_runs=False)


@value(frozen=True, slots=True)
class VersionRow:
    """One version of a definition, with what lists show. Times are Unix milliseconds.

    Attributes:
        status: `archived` if the definition itself is, else the version's own.
        definition: The document as it was saved; empty where a list does not need it.
    """

    id: str
    version: str
    status: str
    name: str
    description: str
    definition: JsonObject
    created_at_ms: int
    updated_at_ms: int
    published_at_ms: int | None
    archived: bool


@value(frozen=True, slots=True)
class MarkedVersions:
    """Which of a definition's versions is the newest, and which is published, if any is."""

    newest: str
    published: str | None

    @property
    def default(self) -> str:
        """The version that is started if none is named."""
        return self.published or self.newest


@value(frozen=True, slots=True)
class NewVersion:
    """A checked definition to be stored."""

    name: str
    description: str
    definition: JsonObject
    status: str
    now_ms: int


@value(frozen=True, slots=True)
class DefinitionFilter:
    """Which definitions are asked for; None does not filter."""

    search: str | None = None
    status: str | None = None
    include_archived: bool = False
    limit: int | None = None
    offset: int = 0
