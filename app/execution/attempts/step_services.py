"""The parts of the server that steps use."""

from app.auth.callbacks import Callbacks
from app.auth.links import Links
from app.clock import Clock
from app.concurrency.call_rates import CallRates
from app.definitions.agents import Agents
from app.definitions.workflows import Workflows
from app.execution.attempts.answer_text import Listeners
from app.files.uploads import Files
from app.llm.catalogue import Models
from app.llm.turns import ModelTurns
from app.outbound.http_client import HttpClient
from app.outbound.oauth import OAuthTokens
from app.secrets.vault import Secrets
from app.spending.spending import Spending
from app.tools.catalogue import ToolCatalogue
from app.tools.knowledge_store import KnowledgeStore
from app.tools.stored_values import StoredValues
from engine.value import value
from journal import Events, ThreadTable


@value(frozen=True, slots=True)
class StepServices:
    """The parts of the server that steps use, shared by all tenants."""

    clock: Clock
    client: HttpClient
    tokens: OAuthTokens
    tools: ToolCatalogue
    files: Files
    secrets: Secrets
    models: Models
    agents: Agents
    workflows: Workflows
    spending: Spending
    callbacks: Callbacks
    links: Links
    threads: ThreadTable
    store: StoredValues
    knowledge: KnowledgeStore
    events: Events
    listeners: Listeners | None
    model_turns: ModelTurns
    rates: CallRates | None = None
