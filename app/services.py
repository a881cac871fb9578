"""Holds everything that a request may need."""

from dataclasses import field

from app.auth.callbacks import Callbacks
from app.auth.callers import Authenticator
from app.auth.first_owner import FirstOwner
from app.auth.links import Links
from app.auth.one_time import OneTimeSignIns
from app.auth.rate_limits import RateLimits
from app.auth.sessions import Sessions
from app.changes import Changes
from app.clock import Clock
from app.concurrency.fair_loop import FairLoop
from app.concurrency.fair_queue import FairQueue
from app.concurrency.late_calls import LateCalls
from app.concurrency.one_at_a_time import OneAtATime
from app.definitions.agents import Agents
from app.definitions.watched_folder import WatchedFolder
from app.definitions.workflows import Workflows
from app.events.streams import Streams
from app.execution.commands.bulk import Bulk
from app.execution.commands.pause_commands import PauseCommands
from app.execution.commands.repair_commands import RepairCommands
from app.execution.commands.rerunning import Reruns
from app.execution.commands.runs import Runs
from app.execution.driving.culprit import Culprit
from app.execution.driving.signals import Signals
from app.execution.live.lost_runs import LostRuns
from app.execution.recovery.recovery import Recovery
from app.execution.starting.admission import Admission
from app.execution.waking.places import Places
from app.execution.waking.timers import Timers
from app.files.uploads import Files
from app.llm.catalogue import Models
from app.llm.turns import ModelTurns
from app.secrets.vault import Secrets
from app.settings.server import Settings
from app.sharing import Sharing
from app.spending.spending import Spending
from app.telemetry.counters import Counters
from app.tools.catalogue import ToolCatalogue
from app.tools.knowledge_store import KnowledgeStore
from app.tools.mcp.sign_ins import SignIns
from app.tools.stored_values import StoredValues
from app.triggers.triggers import Triggers
from app.upkeep.clock_watch import ClockWatch
from app.webhooks.registry import Webhooks
from engine.value import value
from journal import Journal
from steps.registry import Registry


@value(frozen=True, slots=True)
class Services:
    """The parts of a running server."""

    settings: Settings
    clock: Clock
    clock_watch: ClockWatch
    journal: Journal
    authenticator: Authenticator
    sessions: Sessions
    first_owner: FirstOwner
    one_time: OneTimeSignIns
    links: Links
    secrets: Secrets
    registry: Registry
    tools: ToolCatalogue
    files: Files
    models: Models
    model_turns: ModelTurns
    workflows: Workflows
    agents: Agents
    runs: Runs
    reruns: Reruns
    bulk: Bulk
    timers: Timers
    recovery: Recovery
    lost_runs: LostRuns
    culprit: Culprit
    admission: Admission
    rate_limits: RateLimits
    counters: Counters
    acting: FairQueue
    streams: Streams
    webhooks: Webhooks
    signals: Signals
    places: Places
    pauses: PauseCommands
    repairs: RepairCommands
    callbacks: Callbacks
    triggers: Triggers
    spending: Spending
    store: StoredValues
    knowledge: KnowledgeStore
    mcp_sign_ins: SignIns
    fair_loop: FairLoop
    late_calls: LateCalls = field(default_factory=LateCalls)
    changes: Changes | None = None
    """Changes made by other processes, where several share the journal."""

    sharing: Sharing | None = None
    """This process's part of the work that several processes share."""

    watched: list[WatchedFolder] = field(default_factory=list)
    """Folders of definitions that are published whenever they are saved, for development."""

    storing: OneAtATime = field(default_factory=OneAtATime)
    """Locks for storing files: one at a time for an idempotency key or for a run that asks."""

    def let_go(self) -> None:
        """Release requests that wait for runs or listen to streams: the server is about to stop."""
        self.runs.let_go()
        self.streams.close()
