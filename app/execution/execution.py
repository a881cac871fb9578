"""Assembles the parts of this package as a tree: each part is given those below it.

From bottom to top: appends make events durable and publish them; starts and children make new runs;
the step life, the driver and its tasks carry runs on; `Runs` takes commands. The parts that need to
know of appends subscribe at the end.
"""

from collections.abc import Sequence
from functools import partial

from app.concurrency.fair_loop import FairLoop
from app.concurrency.fair_queue import FairQueue
from app.execution.answering.repair_lookups import RepairLookups
from app.execution.attempts.step_services import StepServices
from app.execution.commands.fenced import Fenced
from app.execution.commands.pause_commands import PauseCommands
from app.execution.commands.repair_commands import RepairCommands
from app.execution.commands.runs import Runs
from app.execution.commands.wake_ups import WakeUps
from app.execution.driving.children import Children
from app.execution.driving.culprit import Culprit
from app.execution.driving.driver import Driver
from app.execution.driving.driving import Driving
from app.execution.driving.effects import LiveEffects
from app.execution.driving.signals import Signals
from app.execution.driving.step_life import StepLife
from app.execution.driving.stopping import Stopping
from app.execution.live.appends import Appends
from app.execution.live.cluster import Cluster
from app.execution.live.live_runs import LiveRuns
from app.execution.live.lost_runs import LostRuns
from app.execution.live.waiters import SETTLES, Waiters
from app.execution.recovery.backlog import Backlog
from app.execution.recovery.deadly_families import DeadlyFamilies
from app.execution.recovery.left_children import LEAVES_CHILDREN, LeftChildren
from app.execution.recovery.recovery import Recovery
from app.execution.recovery.trials import Trials
from app.execution.spans import SPANS, Spans
from app.execution.starting.starts import Starts
from app.execution.waking.notices import SETS_NOTICES, Notices
from app.execution.waking.parents import TELLS_PARENT, Parents
from app.execution.waking.places import Places
from app.execution.waking.timers import SETS_TIMER, Timers
from app.execution.waking.waited_elsewhere import WaitedElsewhere
from app.files.uploads import unknown_files
from app.secrets.sensitive import SensitiveFields
from app.telemetry.counters import Counters
from app.telemetry.traces import Exporter
from engine import RunPaused, RunStarted
from engine.value import value
from journal import ALL_SHARDS, Journal, ShardsHeard
from steps.language.frozen import FrozenValues


@value(frozen=True, slots=True)
class Execution:
    """What the rest of the server uses of this package.

    Attributes:
        runs: The entry point: start, answer, cancel, terminate, wait.
        timers: To be run in the background.
        recovery: To be run in the background.
        left_children: Stops the child runs whose parent no longer waits for them.
        lost_runs: Runs to be read again.
        culprit: Decides which run is blamed when the process dies.
        signals: To be run in the background; gives signals to runs that wait for them.
        places: To be run in the background; admits runs of workflows with `concurrency`.
        fair_loop: Where runs and requests take turns.
        pauses: Claims, releases and delegates pauses.
        repairs: Changes how runs continue.
        cluster: To be run in the background if several processes share the journal, else None.
    """

    runs: Runs
    timers: Timers
    recovery: Recovery
    left_children: LeftChildren
    lost_runs: LostRuns
    culprit: Culprit
    signals: Signals
    places: Places
    fair_loop: FairLoop
    pauses: PauseCommands
    repairs: RepairCommands
    cluster: Cluster | None = None


async def open_execution(  # noqa: PLR0913 - the parts below this room, each passed in
    journal: Journal,
    live_runs: LiveRuns,
    acting: FairQueue,
    counters: Counters,
    services: StepServices,
    cancel_grace_s: float,
    culprit: Culprit,
    exporter: Exporter | None = None,
    cluster: Cluster | None = None,
    fair_loop: FairLoop | None = None,
) -> Execution:
    """Assemble the parts that execute runs."""
    clock, frozen, fair_loop = services.clock, FrozenValues(), fair_loop or FairLoop()
    journal.take_turns(fair_loop)
    sensitive = SensitiveFields(services.secrets)
    appends = Appends(journal, clock, frozen, fair_loop, sensitive, cluster)
    starts = Starts(
        appends, live_runs, journal.variables, clock, await journal.runs.last_number(),
        traced=exporter is not None, owners=None if cluster is None else cluster.owners,
    )  # fmt: skip
    children = Children(journal, services.workflows, starts)
    signals = Signals(journal, clock, appends, live_runs)
    effects_of = partial(LiveEffects, services, children, appends, signals)
    stopping = Stopping(journal, services.workflows, cancel_grace_s)
    step_life = StepLife(
        appends, effects_of, stopping, sensitive, acting, counters, frozen,
        partial(unknown_files, journal),
    )  # fmt: skip
    driver = Driver(appends, step_life, stopping, fair_loop)
    lost_runs, waiters = LostRuns(), Waiters()
    driving = Driving(appends, driver, live_runs, lost_runs, culprit, cluster)
    fenced = Fenced(appends, live_runs, is_shared=cluster is not None)
    runs = Runs(
        journal, clock, appends, live_runs, starts, driving, waiters, stopping, fenced
    )  # fmt: skip
    lookups = RepairLookups(journal, step_life.asked_with)
    wake_ups = WakeUps(clock, live_runs, driving, waiters, stopping)
    left_children = LeftChildren(journal, runs)
    timers = Timers(journal, clock, wake_ups.fire)
    signals.carry_on = driving.carry_on
    children.may_go_on = signals.is_looked_for
    places = _places(journal, appends, live_runs, driving, runs, cluster)
    parents = Parents(driving)
    signals.on_wait += (waiters.waits, parents.waits)
    _subscribe(appends, waiters, signals, driving, left_children, timers, parents)
    notices = Notices(clock, appends, live_runs, driving, effects_of, services)
    appends.on_append.append((SETS_NOTICES, notices.appended))
    wake_ups.on_fire.append(notices.look)
    if exporter is not None:
        appends.on_append.append((SPANS, Spans(exporter).appended))
    appends.on_loss += (lost_runs.lost, waiters.lost)
    children.on_left.append(left_children.leave)
    children.on_enough.append(left_children.spare)
    # Large enough for every turn to act, small enough to leave room for starts.
    most = max(live_runs.runs.most // 2, 2 * acting.most)
    trials = Trials(driving, culprit, DeadlyFamilies(journal, wake_ups, culprit))
    backlog = Backlog(live_runs, most)
    recovery = Recovery(journal, wake_ups, backlog, left_children, lost_runs, trials, cluster)
    if cluster is not None:
        live_runs.owns = timers.owns = cluster.owns
        cluster.heed, recovery.follow = wake_ups.heed, starts.follow
        waited = WaitedElsewhere(journal, live_runs, waiters, cluster)
        _share_runs(cluster, driving, signals, waited, (recovery.gained, timers.forget))
    runs.on_question.append(recovery.asked)
    return Execution(
        runs, timers, recovery, left_children, lost_runs, culprit, signals, places, fair_loop,
        PauseCommands(appends, driving, fenced),
        RepairCommands(appends, driving, lookups, fenced), cluster,
    )  # fmt: skip


def _share_runs(
    cluster: Cluster,
    driving: Driving,
    signals: Signals,
    waited: WaitedElsewhere,
    begin: Sequence[ShardsHeard],
) -> None:
    """Subscribe the parts to what other processes do with runs."""
    owners = cluster.owners
    signals.is_here = lambda: cluster.owns_name("signals")
    cluster.beside.append(waited.run)
    owners.under_way = lambda: ALL_SHARDS if cluster.is_asking else driving.shards_under_way()
    owners.on_gain += (signals.gained, *begin)
    owners.on_return += (driving.come_back, *begin)
    owners.on_leave.append(driving.leave)
    owners.on_loss.append(driving.drop)


def _places(  # noqa: PLR0913 - the parts below, each passed in
    journal: Journal,
    appends: Appends,
    live_runs: LiveRuns,
    driving: Driving,
    runs: Runs,
    cluster: Cluster | None,
) -> Places:
    places = Places(journal, appends, live_runs, cluster)
    places.carry_on = driving.carry_on
    places.end = runs.end
    appends.on_place.append(places.appended)
    return places


def _subscribe(  # noqa: PLR0913 - who has to know what has become durable
    appends: Appends,
    waiters: Waiters,
    signals: Signals,
    driving: Driving,
    left_children: LeftChildren,
    timers: Timers,
    parents: Parents,
) -> None:
    appends.on_append += (
        (SETTLES, waiters.appended),
        (frozenset({RunPaused}), signals.appended),
        (TELLS_PARENT, parents.appended),
        (LEAVES_CHILDREN, left_children.appended),
        (SETS_TIMER, timers.appended),
        (frozenset({RunStarted}), driving.appended),
    )
