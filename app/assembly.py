"""Puts the parts together, both for the server and for a run on a laptop."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from importlib import import_module
from urllib.parse import urlsplit

from app.auth.callbacks import Callbacks
from app.auth.callers import Authenticator
from app.auth.first_owner import FirstOwner
from app.auth.links import Links
from app.auth.one_time import OneTimeSignIns
from app.auth.providers import Providers
from app.auth.rate_limits import RateLimits
from app.auth.sessions import Sessions
from app.changes import Changes
from app.clock import Clock, StoreClock, SystemClock
from app.concurrency.call_rates import CallRates
from app.concurrency.fair_loop import FairLoop
from app.concurrency.fair_queue import FairQueue
from app.concurrency.tenant import current_tenant
from app.definitions.agents import Agents
from app.definitions.workflows import Workflows
from app.events.deltas import Deltas
from app.events.hub import Hub
from app.events.news_elsewhere import NewsElsewhere
from app.events.streams import Streams
from app.execution.attempts.step_services import StepServices
from app.execution.commands.bulk import Bulk
from app.execution.commands.rerunning import Reruns
from app.execution.driving.culprit import Culprit
from app.execution.execution import open_execution
from app.execution.live.cluster import Cluster
from app.execution.live.live_runs import LiveRuns
from app.execution.starting.admission import Admission
from app.execution.usage import summary_of
from app.execution.waking.timers import Timers
from app.files.s3 import S3Storage
from app.files.storage import FolderStorage, NoStorage, Storage
from app.files.uploads import Files
from app.llm.catalogue import Models
from app.llm.turns import ModelTurns
from app.opening import open_journal, open_secrets
from app.outbound.http_client import HttpClient
from app.outbound.network import EVERYWHERE
from app.outbound.oauth import OAuthTokens
from app.outbound.way_out import WayOut, proxy_of
from app.secrets.seal import Keyring
from app.secrets.vault import Secrets
from app.services import Services
from app.settings.extras import extra
from app.settings.server import Settings
from app.sharing import Kept, Once, Sharing
from app.spending.spending import Spending
from app.telemetry import log_output
from app.telemetry.counters import Counters
from app.telemetry.otlp import OtlpExporter
from app.telemetry.stacks import loading_plugins
from app.telemetry.traces import Exporter
from app.tools.built_in import built_in_tools
from app.tools.catalogue import ToolCatalogue
from app.tools.knowledge_store import KnowledgeStore
from app.tools.mcp.servers import McpServers
from app.tools.mcp.sign_ins import Place, SignIns
from app.tools.stored_values import StoredValues
from app.triggers.triggers import open_triggers
from app.upkeep.clock_watch import ClockWatch
from app.webhooks.deliverer import delivering
from app.webhooks.registry import Webhooks
from app.webhooks.sender import MOST_POSTS
from journal import Journal
from steps.registry import Registry
from steps.tools.tools import Tools

_MOST_TO_PROVIDERS = 8


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Open the data folder and return all services that use it; close them when the block ends.

    Raises:
        JournalError: The folder is in use, damaged, or of a newer version.
        SettingsError: The bucket for files cannot be used.
        KeyUnusable: What is sealed cannot be opened.
        ToolLoadError: A plug-in cannot be loaded.
    """
    async with AsyncExitStack() as closing:
        clock = clock or SystemClock()
        if settings.database is not None:
            clock = StoreClock(clock)
        yield await _open(settings, clock, closing)


async def _open(settings: Settings, clock: Clock, closing: AsyncExitStack) -> Services:
    """Build from the bottom up; parts that hold resources are closed in reverse order."""
    counters, way = Counters(), WayOut(settings.ca_file, proxy=proxy_of(settings))
    registry, catalogue, mcp = _step_types_and_tools(settings, clock, way, closing)
    storage = await _storage(settings, closing)
    journal, hub, cluster = await _journal(settings, closing)
    client = _client(settings, way, settings.max_concurrent_steps, closing)
    secrets = await _secrets(journal, settings, clock)
    models = await _models(settings, journal, secrets, clock, way, closing)
    authenticator, sessions = await _callers(journal, settings, clock, secrets, way, closing)
    files, agents = Files(journal, storage, clock), Agents(journal, clock)
    workflows, spending = Workflows(journal, registry, clock), await _spending(journal, clock)
    callbacks, links = Callbacks(secrets.keyring, settings.address), Links(secrets.keyring, clock)
    live_runs = _live_runs(journal, workflows, settings)
    deltas, acting = Deltas(), FairQueue(settings.max_concurrent_steps)
    services = StepServices(
        clock, client, OAuthTokens(client, clock, secrets.conceal), catalogue, files, secrets,
        models, agents, workflows, spending, callbacks, links, journal.threads,
        StoredValues(journal.store, clock, secrets.mask),
        KnowledgeStore(journal.knowledge, models, clock, secrets.mask), journal.events,
        deltas if settings.transcripts else None, ModelTurns(acting), _rates(settings, acting),
    )  # fmt: skip
    execution = await open_execution(
        journal, live_runs, acting, counters, services, settings.cancel_grace,
        Culprit(settings.data, settings.max_interruptions), _exporter(settings, closing), cluster,
    )  # fmt: skip
    admission = Admission(live_runs, journal, settings.max_queued_writes, counters)
    reruns = Reruns(journal, workflows, execution.runs, admission)
    watch = await _clock_watch(journal, clock, sessions, execution.timers)
    built = Services(
        settings=settings, clock=clock, clock_watch=watch,
        journal=journal,
        authenticator=authenticator,
        sessions=sessions,
        first_owner=FirstOwner(authenticator, clock),
        one_time=OneTimeSignIns(clock),
        links=links,
        secrets=secrets,
        registry=registry,
        tools=catalogue,
        files=files,
        models=models,
        model_turns=services.model_turns,
        workflows=workflows,
        agents=agents,
        runs=execution.runs,
        reruns=reruns,
        bulk=Bulk(journal, execution.runs, execution.repairs, reruns),
        timers=execution.timers, recovery=execution.recovery,
        lost_runs=execution.lost_runs,
        culprit=execution.culprit,
        admission=admission,
        rate_limits=RateLimits(settings, counters),
        counters=counters,
        acting=acting,
        fair_loop=execution.fair_loop,
        streams=_streams(settings, journal, hub, deltas, execution.fair_loop),
        webhooks=_webhooks(settings, journal, hub, way, (clock, watch), secrets.keyring, closing),
        signals=execution.signals,
        places=execution.places,
        pauses=execution.pauses,
        repairs=execution.repairs,
        callbacks=callbacks,
        triggers=open_triggers(services, journal, execution, admission, hub),
        spending=spending,
        store=services.store,
        knowledge=services.knowledge,
        mcp_sign_ins=await _sign_ins(mcp, settings, journal, secrets, clock, way),
    )  # fmt: skip
    return built if cluster is None else _sharing(built, services, cluster)


def _sharing(built: Services, parts: StepServices, cluster: Cluster) -> Services:
    """Connect all parts to the work that several processes share."""
    assert built.journal.shared is not None  # noqa: S101 - otherwise there would be no cluster
    changes = Changes(built.journal, cluster.bell)
    sharing = Sharing(built.journal.shared, cluster, changes, built.journal.try_to_write)
    shares = [built.rate_limits.share, parts.model_turns.share]
    if parts.rates is not None:
        shares.append(parts.rates.share)
    sharing.take_part(built.clock, shares)
    sharing.keep_up(
        Kept(
            built.authenticator,
            built.sessions,
            built.secrets,
            built.workflows,
            built.agents,
            built.mcp_sign_ins,
        )
    )
    sharing.do_once(Once(built.webhooks, built.triggers, built.spending))
    return replace(built, changes=changes, sharing=sharing)


def _cluster(journal: Journal, hub: Hub) -> Cluster | None:
    """Return this process's connection to the others, where several may share the journal."""
    if journal.shared is None:
        return None
    cluster = Cluster(journal.shared.owners, journal.shared.bell, journal.wakes)
    journal.events.listeners = NewsElsewhere(journal.pages, hub, cluster)
    journal.share()
    return cluster


async def _secrets(journal: Journal, settings: Settings, clock: Clock) -> Secrets:
    secrets = await open_secrets(journal, settings, clock)
    log_output.mask_with(settings.data, secrets.mask_text)
    return secrets


def _rates(settings: Settings, acting: FairQueue) -> CallRates | None:
    return CallRates(settings.call_rates, acting) if settings.call_rates else None


def _exporter(settings: Settings, closing: AsyncExitStack) -> Exporter | None:
    """Open the exporter of traces if one is configured; return it where it takes spans."""
    if settings.otlp_endpoint is None:
        return None
    proxy, host = proxy_of(settings), urlsplit(settings.otlp_endpoint).hostname or ""
    through = None if proxy is None or proxy.is_left_out(host) else proxy.url
    exporter = OtlpExporter(settings, through)
    closing.push_async_callback(exporter.close)
    if exporter.line is not None:
        closing.callback(log_output.send_lines_to(exporter.line))
    return exporter if exporter.takes_spans else None


def _streams(
    settings: Settings, journal: Journal, hub: Hub, deltas: Deltas, fair_loop: FairLoop
) -> Streams:
    most, heartbeat_s = settings.max_event_streams, settings.event_heartbeat
    return Streams(journal.pages, hub, deltas, most, heartbeat_s, fair_loop)


async def _spending(journal: Journal, clock: Clock) -> Spending:
    spending = Spending(journal.spending, clock)
    if journal.shared is None:
        await spending.open()
    return spending


async def _models(  # noqa: PLR0913 - the parts below them, each passed in
    settings: Settings,
    journal: Journal,
    secrets: Secrets,
    clock: Clock,
    way: WayOut,
    closing: AsyncExitStack,
) -> Models:
    models = Models(settings, journal.models, secrets.get, clock, way)
    closing.push_async_callback(models.close)
    await models.look_for_default()
    return models


def _live_runs(journal: Journal, workflows: Workflows, settings: Settings) -> LiveRuns:
    return LiveRuns(
        journal, workflows.pinned, settings.max_runs_in_memory, settings.max_bytes_in_memory
    )


def _client(settings: Settings, way: WayOut, most: int, closing: AsyncExitStack) -> HttpClient:
    client = HttpClient(settings.allowed_networks, way, most)
    closing.push_async_callback(client.close)
    return client


def _providers(settings: Settings, way: WayOut, clock: Clock, closing: AsyncExitStack) -> Providers:
    """Return the identity providers. They may be at any address: only the operator names them."""
    client = HttpClient(EVERYWHERE, way, _MOST_TO_PROVIDERS)
    closing.push_async_callback(client.close)
    return Providers(settings.identity_providers, client, clock)


async def _callers(  # noqa: PLR0913 - the parts below them, each passed in
    journal: Journal,
    settings: Settings,
    clock: Clock,
    secrets: Secrets,
    way: WayOut,
    closing: AsyncExitStack,
) -> tuple[Authenticator, Sessions]:
    keyring = secrets.keyring
    providers = _providers(settings, way, clock, closing)
    authenticator = Authenticator(journal, settings, clock, keyring, providers)
    await authenticator.load()
    sessions = Sessions(authenticator, journal.sessions, keyring, clock, settings.console_session)
    await sessions.load()
    return authenticator, sessions


async def _clock_watch(
    journal: Journal, clock: Clock, sessions: Sessions, timers: Timers
) -> ClockWatch:
    """Return the watch over the clock, with what a clock that was set back makes last too long.

    Processes that share a database have its clock, which none of them watches for the others.
    """
    watch = ClockWatch(clock, None if journal.shared else journal.clock_marks)
    watch.on_set_back += (sessions.end_every, timers.set_back)
    await watch.begin()
    return watch


async def _journal(
    settings: Settings, closing: AsyncExitStack
) -> tuple[Journal, Hub, Cluster | None]:
    journal = await open_journal(settings, current_tenant)
    closing.push_async_callback(journal.close)
    hub = Hub()
    journal.events.listeners = hub
    journal.events.snapshots.summary = summary_of
    return journal, hub, _cluster(journal, hub)


def _step_types_and_tools(
    settings: Settings, clock: Clock, way: WayOut, closing: AsyncExitStack
) -> tuple[Registry, ToolCatalogue, McpServers]:
    built_in = built_in_tools(settings, clock)
    with loading_plugins():
        tools = Tools.load(settings.plugins, built_in, settings.max_concurrent_steps)
    if settings.mcp_servers:
        with extra("mcp", "mcp_servers"):
            import_module("mcp")
    mcp = McpServers(settings.mcp_servers, way)
    closing.push_async_callback(mcp.close)
    mcp.start()
    return Registry.standard(tools.step_types), ToolCatalogue(tools, mcp), mcp


async def _sign_ins(  # noqa: PLR0913 - the parts below them, each passed in
    mcp: McpServers,
    settings: Settings,
    journal: Journal,
    secrets: Secrets,
    clock: Clock,
    way: WayOut,
) -> SignIns:
    place = Place(settings.address, settings.allowed_networks, way)
    sign_ins = SignIns(
        mcp.with_person, journal.mcp_sign_ins, secrets.keyring, clock, secrets.conceal, place
    )
    await mcp.sign_in_with(sign_ins)
    return sign_ins


def _webhooks(  # noqa: PLR0913 - the parts below them, each passed in
    settings: Settings,
    journal: Journal,
    hub: Hub,
    way: WayOut,
    clocks: tuple[Clock, ClockWatch],
    keyring: Keyring,
    closing: AsyncExitStack,
) -> Webhooks:
    client = _client(settings, way, MOST_POSTS, closing)
    webhooks = Webhooks(delivering(settings, journal, hub, client, *clocks), keyring)
    closing.push_async_callback(webhooks.close)
    return webhooks


async def _storage(settings: Settings, closing: AsyncExitStack) -> Storage:
    if settings.storage == "s3":
        storage: Storage = await S3Storage.open(settings, must_answer=False)
    elif settings.database is not None:
        storage = NoStorage()
    else:
        storage = FolderStorage(settings.data / "files")
    closing.callback(storage.close)
    return storage
