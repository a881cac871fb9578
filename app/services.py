"""Everything that a request may need, in one place."""

from dataclasses import dataclass

from app.auth.callers import Authenticator
from app.clock import Clock
from app.files import Files
from app.recovery import Recovery
from app.runs import Runs
from app.settings import Settings
from app.timers import Timers
from app.workflows import Workflows
from journal import Journal
from steps.registry import Registry
from steps.tools import Tools


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running server."""

    settings: Settings
    clock: Clock
    journal: Journal
    authenticator: Authenticator
    registry: Registry
    tools: Tools
    files: Files
    workflows: Workflows
    runs: Runs
    timers: Timers
    recovery: Recovery
