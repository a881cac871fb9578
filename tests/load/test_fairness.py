"""A tenant with thousands of runs does not starve the single run of another.

Measured by the work done for the first tenant while the other's synchronous start is answered,
and as the ratio of that start's duration to the duration of all the first tenant's runs.
"""

import asyncio
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.concurrency.fair_share import GREED
from benchmarks.definitions import five
from tests.harness import busy_client
from tests.harness.flood import Ask, Line, flood, start_of
from tests.harness.journals import events_one_by_one
from tests.harness.server import Server, settled
from tests.load.conftest import Load, chain, full, metric, naps, thoughts

MANY = 2_000


async def latencies(server: Server, workflow: str, times: int) -> list[float]:
    async with Line(server, "small") as line:
        answers = [await line.ask(start_of(workflow, wait=True)) for _ in range(times)]
    assert [a.json()["status"] for a in answers] == ["completed"] * times
    return [a.seconds for a in answers]


async def test_one_run_beside_two_thousand_with_slow_steps(load: Load) -> None:
    server = load(max_concurrent_steps=20)
    for tenant in ("big", "small"):
        with server.client(tenant=tenant) as client:
            client.post("/api/workflows", json=chain(naps(3, 0.1), "slow")).raise_for_status()
    await flood(server, [start_of("slow")] * MANY, tenant="big")
    waiting = metric(server, "steps_waiting")
    overtaken = []
    for _ in range(6):
        before = steps_of(server, "big")
        await latencies(server, "slow", 1)
        overtaken.append(steps_of(server, "big") - before)
    left = metric(server, "steps_waiting")
    print(f"steps of big meanwhile: {overtaken}; waiting {waiting:g} then {left:g}")
    assert left > MANY / 2, "there was no backlog, so nothing was proved"
    assert metric(server, "steps_acting") <= 20 * GREED / (GREED + 1) + 1
    # Each of its three steps waits for one nap of the others and takes as long as one.
    assert statistics.median(overtaken) < 2 * 3 * 20 * 1.5
    assert max(overtaken) < MANY / 4


BUSY = 64
TURNS = 6


READ = Ask("GET", "/api/workflows/ends")
LIST = Ask("GET", "/api/workflow/runs?limit=500")


@full
@pytest.mark.parametrize(
    ("busy_with", "connections", "asked"),
    [
        (start_of("ends"), BUSY, READ),
        (start_of("ends"), BUSY, start_of("ends", wait=True)),
        (LIST, BUSY, READ),
        (LIST, 4, None),
    ],
    ids=["read-beside-starts", "start-beside-starts", "read-beside-lists", "status-beside-4-lists"],
)
async def test_requests_of_one_tenant_beside_busy_connections(
    load: Load, busy_with: Ask, connections: int, asked: Ask | None
) -> None:
    """Prints the ratio of a request's cost beside the other tenant's requests to its cost alone.

    And the same while these requests go to a server of their own: what they take from the other
    programs of this machine. The work done for others meanwhile is counted, which does not depend
    on the machine's load.
    """
    server, elsewhere = load(), load("elsewhere")
    for each in (server, elsewhere):
        for tenant in ("big", "small"):
            with each.client(tenant=tenant) as client:
                client.post("/api/workflows", json=chain([], "ends")).raise_for_status()
        await flood(each, [start_of("ends")] * 600, tenant="big")
    if asked is None:
        with server.client(tenant="small") as client:
            run = client.post("/api/workflow/start/ends", json={}).json()["runId"]
        asked = Ask("GET", f"/api/workflow/status/{run}")
    await shown_beside(server, elsewhere, busy_with, connections, asked)
    between = await shown_beside(server, server, busy_with, connections, asked)
    # In order of arrival, a request would be answered after all of theirs; a start also waits for
    # the disk.
    assert between < (BUSY / 4 if asked.method == "GET" else BUSY)


async def shown_beside(
    server: Server, burdened: Server, busy_with: Ask, connections: int, asked: Ask
) -> float:
    """Print what a request of the small tenant costs while the big one burdens a server.

    Returns how many requests of the big tenant are answered meanwhile.
    """
    times: dict[str, list[Took]] = {"alone": [], "beside": []}
    busy_s = 1.0
    async with busy(burdened, busy_with, connections) as client_of_big:
        # In turns, so that both run under the same load of the machine.
        for _ in range(TURNS):
            client_of_big.send_signal(signal.SIGSTOP)
            await rests(burdened)
            times["alone"] += (await asked_by_small(server, asked))[0]
            client_of_big.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.2)
            read, took_s = await asked_by_small(server, asked)
            times["beside"] += read
            busy_s += took_s + 0.2
        reported, _ = await client_of_big.communicate(b"")
    between = int(reported) * (1 - (1 + 0.2 * TURNS) / busy_s) / len(times["beside"])
    shown = []
    for what in ("seconds", "computed_s"):
        alone, beside = (sorted(getattr(took, what) for took in each) for each in times.values())
        for share in (0.5, 0.99):
            alone_s, beside_s = (each[int(len(each) * share)] for each in (alone, beside))
            shown.append(
                f"p{share * 100:g} of {what} {beside_s / alone_s:.1f} times"
                f" ({alone_s * 1e3:.2f} ms alone)"
            )
    where = "to the same server" if burdened is server else "to a server of their own"
    print(f"{connections} connections {where}: {', '.join(shown)}; {between:.1f} answers meanwhile")
    return between


@pytest.mark.parametrize(
    ("asking", "connections", "most"),
    [
        ("small", BUSY, BUSY / 6),  # 3 to 4 on a quiet machine; 15 if coroutines take no turns
        pytest.param("big", 16, 6 * 16, marks=full),  # 35 to 50; 140 to 160 if all begin at once
    ],
    ids=["starts-of-another-tenant", "status-of-the-same"],
)
async def test_few_answers_to_busy_connections_come_before_that_to_a_start(
    load: Load, asking: str, connections: int, most: float
) -> None:
    """Counts answers; the disk takes as long for each commit as a fast one, on every machine."""
    server = load(DISK_FLUSH_S=0.0003, synchronous="NORMAL")
    is_same = asking == "big"
    for tenant in ("big", "small"):
        with server.client(tenant=tenant) as client:
            client.post("/api/workflows", json=chain([], "ends")).raise_for_status()
            client.post("/api/workflows", json=five()).raise_for_status()
            run = client.post("/api/workflow/start/ends", json={}).json()["runId"]
            if tenant == "big":
                status = Ask("GET", f"/api/workflow/status/{run}")
    meanwhile = list[int]()
    ask = start_of("five" if is_same else "ends", wait=True)
    busy_with = status if is_same else start_of("ends")
    async with busy(server, busy_with, connections) as client_of_big, Line(server, asking) as line:
        for _ in range(60):
            answer = await line.ask(ask)
            assert answer.status == 200
            meanwhile.append(int(answer.headers["x-meanwhile" if is_same else "x-overtaken"]))
        reported, _ = await client_of_big.communicate(b"")
    print(f"answers to the others meanwhile: {sorted(meanwhile)}")
    assert int(reported) > connections, "nobody was busy, so nothing was proved"
    assert statistics.mean(meanwhile) <= most


@asynccontextmanager
async def busy(server: Server, ask: Ask, connections: int) -> AsyncIterator[Process]:
    """Let another process keep connections of the tenant `big` busy with one request."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(busy_client.__file__)), str(server.port),
        server.key("owner", "big"), "big", ask.method, ask.path, str(connections),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        await asyncio.sleep(0.5)
        yield client
    finally:
        if client.returncode is None:
            await client.communicate(b"")


async def rests(server: Server) -> None:
    """Wait until the server has answered all requests of a paused client."""
    assert server.process is not None
    reported = Path(f"/proc/{server.process.pid}/schedstat")
    before = -1.0
    while (used := int(reported.read_text().split()[0]) / 1e9) - before > 0.01:  # noqa: ASYNC240 - a system file
        before = used
        await asyncio.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Took:
    """What was used between a request and its answer.

    Attributes:
        seconds: On the clock.
        computed_s: Of the server's processor time: for itself, and for all others meanwhile. It
            does not grow with what else the machine does.
    """

    seconds: float
    computed_s: float


async def asked_by_small(server: Server, ask: Ask) -> tuple[list[Took], float]:
    """Return the cost of each of 100 requests, and their total duration in seconds."""
    began, took = time.monotonic(), list[Took]()
    async with Line(server, "small") as line:
        await line.ask(ask)
        for _ in range(100):
            asked_s = server.computed_s()
            answer = await line.ask(ask)
            answered_s = float(answer.headers["x-computed-s"])
            took.append(Took(answer.seconds, max(0.0, answered_s - asked_s)))
            assert answer.status == 200
    return took, time.monotonic() - began


def steps_of(server: Server, tenant: str) -> int:
    """Count the steps of a tenant that have been completed."""
    with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal:
        (count,) = (
            events_one_by_one(journal)
            .execute(
                "SELECT count(*) FROM each_event e JOIN runs r ON r.id = e.run"
                " WHERE r.tenant = ? AND e.type = 'StepCompleted'",
                (tenant,),
            )
            .fetchone()
        )
    return int(count)


@full
async def test_one_run_beside_many_of_pure_computation(load: Load, tmp_path: Path) -> None:
    clock = tmp_path / "offset"
    clock.write_text("0")
    server = load(CLOCK_OFFSET=clock)
    sleeper = [{"id": "sleep", "type": "wait", "duration": "1h"}, *thoughts(40)]
    for tenant, steps in (("big", sleeper), ("small", thoughts(24))):
        with server.client(tenant=tenant) as client:
            client.post("/api/workflows", json=chain(steps, "think")).raise_for_status()
    await flood(server, [start_of("think")] * (MANY // 4), tenant="big")
    while metric(server, "runs_in_memory"):  # noqa: ASYNC110 - in another process
        await asyncio.sleep(0.05)  # until all sleep
    clock.write_text("4000000")  # an hour has passed: all of them resume at once
    until = time.monotonic() + 5
    while metric(server, "runs_in_memory") < MANY // 40:
        assert time.monotonic() < until, "there was no backlog, so nothing was proved"
        await asyncio.sleep(0.01)
    busy: list[float] = []
    began = time.monotonic()
    with server.client(tenant="big") as client:
        while not busy or _is_left(client):
            busy += await latencies(server, "think", 1)
    backlog = time.monotonic() - began
    print(f"busy {[round(b * 1e3) for b in busy]} ms; backlog {backlog:.1f} s")
    # In order of arrival, it would wait for the whole backlog.
    assert max(busy) < backlog / 2
    assert statistics.median(busy) < backlog / 8


def _is_left(client: httpx.Client) -> bool:
    page = client.get("/api/workflow/runs", params={"status": "running", "limit": 1}).json()
    return bool(page["runs"])


def test_a_step_that_waits_for_its_turn_can_be_cancelled(load: Load) -> None:
    server = load(max_concurrent_steps=1, cancel_grace=0.2)
    with server.client() as client:
        client.post("/api/workflows", json=chain(naps(1, 30), "long")).raise_for_status()
        first, second = (
            client.post("/api/workflow/start-async/long", json={}).json()["runId"] for _ in "ab"
        )
        for run_id in (second, first):
            body = {"runId": run_id, "workflowId": "long"}
            client.post("/api/workflow/management/cancel", json=body).raise_for_status()
            assert settled(client, run_id)["status"] == "cancelled"
        assert metric(server, "steps_waiting") == metric(server, "steps_acting") == 0


@full
@pytest.mark.parametrize("kept", [1, 20])
def test_a_stopping_server_starts_no_waiting_step(load: Load, kept: int) -> None:
    server = load(max_concurrent_steps=kept)
    with server.client() as client:
        client.post("/api/workflows", json=chain(naps(2, 0.5), "slow")).raise_for_status()
        runs = [
            client.post("/api/workflow/start-async/slow", json={}).json()["runId"]
            for _ in range(25)
        ]
        began = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - began < 3
        server.environment["STEPWELL_MAX_CONCURRENT_STEPS"] = "200"
        server.start()
        for run_id in runs:
            assert settled(client, run_id)["status"] == "completed"
