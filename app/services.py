"""Everything that a request may need, in one place."""

from dataclasses import dataclass

from app.admission import Admission
from app.agents import Agents
from app.auth.callers import Authenticator
from app.auth.sessions import Sessions
from app.bulk import Bulk
from app.clock import Clock
from app.events.streams import Streams
from app.figures import Figures
from app.files import Files
from app.links import Links
from app.models.catalogue import Models
from app.rate_limits import RateLimits
from app.recovery import Recovery
from app.runs import Runs
from app.secrets.vault import Secrets
from app.settings import Settings
from app.timers import Timers
from app.tools.catalogue import ToolCatalogue
from app.turns import Turns
from app.webhooks.registry import Webhooks
from app.workflows import Workflows
from journal import Journal
from steps.registry import Registry


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running server."""

    settings: Settings
    clock: Clock
    journal: Journal
    authenticator: Authenticator
    sessions: Sessions
    links: Links
    secrets: Secrets
    registry: Registry
    tools: ToolCatalogue
    files: Files
    models: Models
    workflows: Workflows
    agents: Agents
    runs: Runs
    bulk: Bulk
    timers: Timers
    recovery: Recovery
    admission: Admission
    rate_limits: RateLimits
    figures: Figures
    acting: Turns
    streams: Streams
    webhooks: Webhooks
