"""Processes and their database under load, killed, stopped and restarted: `make cluster-test`.

A ledger outside the servers records what clients were told. `STEPWELL_CLUSTER_CYCLES` is the
number of faults; `STEPWELL_SEED=n` repeats a sequence of faults, and `STEPWELL_CLUSTER_KINDS`
restricts them to some kinds, such as `kill one,stop one`.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Self

import httpx
import pytest

from benchmarks.closed_loop import quantile
from tests.harness.counting import Counting
from tests.harness.failover import Network, Pair
from tests.harness.processes import command
from tests.harness.server import TRUST, Server
from tests.harness.several import in_balance, processes, shards_of
from tests.harness.workflows import create, straight

CYCLES = int(os.environ.get("STEPWELL_CLUSTER_CYCLES", "0"))
SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
_STOPPED_S = (7.0, 7.0, 12.0, 33.0)
"""Longer than the server's limit for a silent session; than TCP's; than that for a statement."""

pytestmark = pytest.mark.skipif(not CYCLES, reason="asked for by STEPWELL_CLUSTER_CYCLES")


@dataclass
class Ledger:
    """What clients were told."""

    starts: set[str] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)
    signals: set[str] = field(default_factory=set)
    answered: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Load:
    """Starts and answers runs and sends signals, each at any process."""

    def __init__(self, servers: list[Server], ledger: Ledger, chance: random.Random) -> None:
        self._servers, self._ledger = servers, ledger
        self._seeds = [chance.randrange(2**32) for _ in range(4)]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(seed,)) for seed in self._seeds]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, seed: int) -> None:
        chance = random.Random(seed)
        with ExitStack() as stack:
            clients = [stack.enter_context(client_of(server)) for server in self._servers]
            self._go_on(chance, clients)

    def _go_on(self, chance: random.Random, clients: list[httpx.Client]) -> None:
        while not self._over.is_set():
            client = chance.choice(clients)
            known = list(self._ledger.starts)
            try:
                if not known or chance.random() < 0.3:
                    self._start(client)
                else:
                    push(client, chance.choice(known[-60:]), self._ledger, str(chance.random()))
            except httpx.TransportError:
                self._ledger.answered["no answer"] += 1
            time.sleep(0.02)

    def _start(self, client: httpx.Client) -> None:
        answer = client.post("/api/workflow/start-async/works", json={})
        self._ledger.answered[str(answer.status_code)] += 1
        if answer.status_code == 200:
            self._ledger.starts.add(answer.json()["runId"])


def client_of(server: Server) -> httpx.Client:
    headers = {"x-api-key": server.key(), "x-tenant-id": "acme"}
    return httpx.Client(base_url=server.address, headers=headers, timeout=20, verify=TRUST)


def push(client: httpx.Client, run_id: str, ledger: Ledger, token: str) -> str:
    """Move a run on if it waits for input; return its status."""
    asked = client.get(f"/api/workflow/status/{run_id}")
    if asked.status_code != 200:
        assert asked.status_code >= 500, f"{run_id} was acknowledged and is missing: {asked.text}"
        return "unknown"
    document = asked.json()
    if document["status"] != "paused":
        return str(document["status"])
    if document["currentStepId"] == "go":
        body = {"name": "go", "key": run_id, "id": run_id, "data": {}}
        if client.post("/api/signals", json=body).status_code in (200, 201, 202):
            ledger.signals.add(run_id)
        return "paused"
    body = {"type": "collect_inputs", "data": {"name": token}}
    answer = client.post(f"/api/workflow/resume/{run_id}", json=body)
    ledger.answered[str(answer.status_code)] += 1
    if answer.status_code == 200:
        with ledger.lock:
            assert run_id not in ledger.answers, f"{run_id} took two answers"
            ledger.answers[run_id] = token
    return "paused"


def definition(client: httpx.Client, address: str) -> None:
    post = {"id": "post", "type": "call-api", "method": "POST", "url": f"{address}/slow"}
    go = {"id": "go", "type": "wait-for-signal", "signal": "go", "key": "{{ run.id }}"}
    ask = {"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}}
    wait = {"id": "wait", "type": "wait", "duration": "200ms"}
    steps = [post, wait, go, ask, {**post, "id": "last"}]
    create(client, "works", steps, straight("post", "wait", "go", "ask", "last"))
    create(client, "minutely", [], [])
    body = {"workflowId": "minutely", "cron": "* * * * *", "timeZone": "UTC"}
    assert client.put("/api/schedules/minutely", json=body).status_code in (200, 201)


def taken_over(left: list[Server]) -> float:
    """Return the seconds until the remaining processes have all shards."""
    began = time.monotonic()
    while sum(map(shards_of, left)) < 64:
        assert time.monotonic() < began + 30
        time.sleep(0.02)
    return time.monotonic() - began


KINDS = ("kill one", "kill all", "stop one", "leave one", "restart the database",
         "promote the standby", "cut one off", "skew a clock")  # fmt: skip
WANTED = os.environ.get("STEPWELL_CLUSTER_KINDS", ",".join(KINDS)).split(",")


class Harm:
    """Injects faults; each returns the seconds until every shard had an owner again."""

    def __init__(
        self, servers: list[Server], pair: Pair, offsets: list[Path], chance: random.Random
    ) -> None:
        self._servers, self._pair, self._offsets, self._chance = servers, pair, offsets, chance
        self.took: dict[str, list[float]] = {kind: [] for kind in KINDS}

    def do(self, kind: str) -> float:
        """Inject a fault, and wait until the shards are balanced again."""
        victim = self._chance.randrange(len(self._servers))
        left = [one for at, one in enumerate(self._servers) if at != victim]
        took = getattr(self, f"_{kind.replace(' ', '_')}")(victim, left)
        self.took[kind].append(took)
        in_balance(self._servers, 60)
        return float(took)

    def _kill_one(self, victim: int, left: list[Server]) -> float:
        self._servers[victim].kill()
        took = taken_over(left)
        self._servers[victim].start()
        return took

    def _kill_all(self, _victim: int, _left: list[Server]) -> float:
        for server in self._servers:
            server.kill()
        began = time.monotonic()
        for server in self._servers:
            server.start()
        return time.monotonic() - began

    def _stop_one(self, victim: int, left: list[Server]) -> float:
        process = self._servers[victim].process
        assert process is not None
        process.send_signal(signal.SIGSTOP)
        took = taken_over(left)
        time.sleep(max(0.0, self._chance.choice(_STOPPED_S) - took))
        process.send_signal(signal.SIGCONT)
        return took

    def _leave_one(self, victim: int, left: list[Server]) -> float:
        assert self._servers[victim].terminate() == 0
        took = taken_over(left)
        self._servers[victim].start()
        return took

    def _restart_the_database(self, _victim: int, _left: list[Server]) -> float:
        self._pair.restart()
        return taken_over(self._servers)

    def _promote_the_standby(self, _victim: int, _left: list[Server]) -> float:
        self._pair.fail_over()
        took = taken_over(self._servers)
        self._pair.follow()
        return took

    def _cut_one_off(self, victim: int, left: list[Server]) -> float:
        network = self._pair.network
        assert network is not None
        network.cut(victim)
        took = taken_over(left)
        time.sleep(self._chance.choice((0, 5, 15)))
        network.mend(victim)
        return took

    def _skew_a_clock(self, victim: int, _left: list[Server]) -> float:
        self._offsets[victim].write_text(str(self._chance.choice((-1, 1)) * 300_000))
        return 0.0


@pytest.mark.timeout(CYCLES * 90 + 600)
def test_nothing_acknowledged_is_lost_and_nothing_recorded_is_done_again(
    tmp_path: Path,
) -> None:
    chance, ledger = random.Random(SEED), Ledger()
    count = chance.choice((2, 3))
    print(f"STEPWELL_SEED={SEED}")
    with ExitStack() as stack:
        network = stack.enter_context(Network(count)) if Network.is_possible() else None
        kinds = [kind for kind in WANTED if network or kind != "cut one off"]
        counting = stack.enter_context(Counting())
        pair = stack.enter_context(Pair(network))
        servers = stack.enter_context(processes(pair.database, tmp_path, count))
        clients = [stack.enter_context(client_of(server)) for server in servers]
        definition(clients[0], counting.address)
        offsets = [clock_of(server) for server in servers]
        harm = Harm(servers, pair, offsets, chance)
        with Load(servers, ledger, chance):
            for number in range(CYCLES):
                time.sleep(chance.uniform(0.2, 1.5))
                kind = kinds[number] if number < len(kinds) else chance.choice(kinds)
                print(f"{number}: {kind}, {harm.do(kind):.2f} s", flush=True)
        to_the_end(clients, ledger)
        late = check(clients[0], ledger, counting)
        moments = pair.execute(
            f"SELECT key FROM {pair.database(0).schema}.start_keys"
            " WHERE key LIKE 'schedule:%' ORDER BY key"
        )
        assert len(moments) == len(set(moments))
        times = [datetime.fromisoformat(str(key).split(":", 2)[2]) for (key,) in moments]
        assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(times))
        for server in servers[1:]:
            server.kill()
        proved = command("verify", "--data", servers[0].data, environment=servers[0].environment)
        assert proved["faults"] == 0
    print(
        f"{count} processes, {CYCLES} cycles: {len(ledger.starts)} runs,"
        f" {len(ledger.answers)} answers, {len(ledger.signals)} signals told, none lost;"
        f" {late} steps acted after their result was in the journal; {len(moments)} moments of a"
        f" schedule, each once; answers {dict(ledger.answered)}"
    )
    for kind, found in harm.took.items():
        if found:
            print(
                f"{kind}: {len(found)} times; all shards had an owner after"
                f" {median(found):.2f} s, 99th percentile {quantile(sorted(found), 0.99):.2f} s"
            )


def clock_of(server: Server) -> Path:
    """Restart a server with a clock that can be set; return the file that sets it."""
    offset = server.data.parent / "offset"
    offset.write_text("0")
    plugin = server.environment["STEPWELL_PLUGINS"]
    assert server.terminate() == 0
    server.environment |= {
        "STEPWELL_PLUGINS": f"{plugin},{Path(plugin).with_name('load_plugin.py')}",
        "CLOCK_OFFSET": str(offset), "CLOCK_IS_OF_STORE": "1",
    }  # fmt: skip
    server.start()
    return offset


def to_the_end(clients: list[httpx.Client], ledger: Ledger) -> None:
    """Bring all runs to their end; fail if none has made progress for two minutes."""
    left, chance, done = sorted(ledger.starts), random.Random(1), -1
    count = len(left)

    def ends(run_id: str) -> bool:
        with suppress(httpx.TransportError):
            return push(chance.choice(clients), run_id, ledger, "end") == "completed"
        return False

    until = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        while left:
            is_over = list(pool.map(ends, left))
            left = [run_id for run_id, over in zip(left, is_over, strict=True) if not over]
            so_far = count - len(left) + len(ledger.signals) + len(ledger.answers)
            if so_far != done:
                done, until = so_far, time.monotonic() + 120
            assert time.monotonic() < until, f"{len(left)} runs do not end, such as {left[0]}"


def check(client: httpx.Client, ledger: Ledger, counting: Counting) -> int:
    """Compare the journal with the ledger; return how many steps acted late."""
    late = 0
    for run_id in ledger.starts:
        run: Any = client.get(f"/api/workflow/status/{run_id}").json()
        if run_id in ledger.answers:
            assert run["data"]["name"] == ledger.answers[run_id], run_id
        steps = {step["stepId"]: step for step in run["stepExecutionHistory"]}
        for name in ("post", "last"):
            in_journal = steps[name]["outputData"]["body"]["count"]
            done = counting.requests[f"{run_id}:{name}:1"]
            assert 1 <= in_journal <= done
            late += done > in_journal
    return late
