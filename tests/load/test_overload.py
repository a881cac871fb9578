"""An overloaded server refuses requests, keeps its memory bounded, and loses no accepted run."""

import asyncio
import os
import time
from pathlib import Path

from tests.harness.flood import Ask, Line, flood, resident_mb, start_of
from tests.harness.server import settled
from tests.load.conftest import Load, chain, ended, full, metric, naps

SECONDS = float(os.environ.get("STEPWELL_LOAD_SECONDS", "5"))


async def test_a_flood_of_starts_with_slow_steps_is_refused_in_time(load: Load) -> None:
    server = load(max_runs_in_memory=300, max_concurrent_steps=50)
    with server.client() as client:
        client.post("/api/workflows", json=chain(naps(2, 0.2), "slow")).raise_for_status()
        warm = await flood(server, [start_of("slow")] * 200)
        ended(server, [answer.json()["runId"] for answer in warm])
        before = resident_mb(server)
        answers = await flood(server, [start_of("slow", {"text": "x" * 2_000})] * 4_000, 64)
        refused = [answer for answer in answers if answer.status == 503]
        accepted = [answer.json()["runId"] for answer in answers if answer.status == 200]
        assert len(refused) + len(accepted) == 4_000
        assert len(refused) > 1_000, "there was no overload, so nothing was proved"
        assert {answer.headers["retry-after"] for answer in refused} == {"2"}
        assert refused[0].json()["error"] == "Service unavailable"
        assert metric(server, "runs_in_memory") <= 300
        # Reads and control requests still work.
        assert client.get(f"/api/workflow/status/{accepted[-1]}").status_code == 200
        stop = {"runId": accepted[-1], "workflowId": "slow"}
        stopped = client.post("/api/workflow/management/cancel", json=stop).status_code
        assert stopped in (200, 409)
        assert ended(server, accepted) <= {"completed", "cancelled"}
        grown = resident_mb(server) - before
        print(f"accepted {len(accepted)}, refused {len(refused)}, memory grew by {grown:.1f} MB")
        assert grown < 40
        # The server recovers without intervention.
        assert (await flood(server, [start_of("slow")], 1))[0].status == 200


async def test_while_the_disk_hangs_starts_are_refused_and_reads_continue(
    load: Load, tmp_path: Path
) -> None:
    stuck = tmp_path / "stuck"
    server = load(DISK_STUCK=stuck, max_queued_writes=40)
    with server.client() as client:
        client.post("/api/workflows", json=chain([], "plain")).raise_for_status()
        stuck.touch()
        flooding = asyncio.create_task(flood(server, [start_of("plain")] * 1_000, 100))
        while await asyncio.to_thread(metric, server, "writes_queued") < 40:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.02)
        async with Line(server) as line:
            # Nothing is written meanwhile, so these answers did not wait for the disk.
            for _ in range(20):
                assert (await line.ask(Ask("GET", "/api/workflows"))).status == 200
            assert (await line.ask(start_of("plain"))).status == 503
        assert not flooding.done(), "the disk did not hang, so nothing was proved"
        stuck.unlink()
        answers = await flooding
        accepted = [answer.json()["runId"] for answer in answers if answer.status == 200]
        assert len(accepted) < 1_000
        assert {answer.status for answer in answers} == {200, 503}
        print(f"{len(accepted)} accepted of 1000")
        assert ended(server, accepted) == {"completed"}


async def test_one_tenant_cannot_occupy_all_places(load: Load) -> None:
    server = load(max_runs_in_memory=50)
    for tenant in ("big", "small"):
        with server.client(tenant=tenant) as client:
            client.post("/api/workflows", json=chain(naps(1, 3), "slow")).raise_for_status()
    answers = await flood(server, [start_of("slow")] * 100, 8, tenant="big")
    assert [answer.status for answer in answers].count(503) > 40
    for _ in range(5):
        assert (await flood(server, [start_of("slow")], 1, tenant="small"))[0].status == 200


@full
async def test_large_starts_are_limited_by_their_bytes(load: Load) -> None:
    server = load(max_bytes_in_memory=5_000_000)
    with server.client() as client:
        client.post("/api/workflows", json=chain(naps(1, 2), "slow")).raise_for_status()
        answers = await flood(server, [start_of("slow", {"text": "x" * 500_000})] * 20, 4)
        assert {answer.status for answer in answers} == {200, 503}
        assert [answer.status for answer in answers].count(200) <= 9
        for answer in answers:
            if answer.status == 200:
                settled(client, answer.json()["runId"])
        assert (await flood(server, [start_of("slow")], 1))[0].status == 200


async def test_memory_is_constant_under_continuous_load(load: Load) -> None:
    server = load(max_concurrent_steps=50)
    with server.client() as client:
        client.post("/api/workflows", json=chain(naps(1, 0.02), "short")).raise_for_status()
    until = time.monotonic() + SECONDS
    sizes: list[float] = []
    counts = {200: 0, 202: 0, 503: 0}

    async def busy() -> None:
        async with Line(server) as line:
            while time.monotonic() < until:
                answer = await line.ask(start_of("short", {"text": "y" * 1_000}, wait=True))
                counts[answer.status] += 1
                if answer.status == 503:  # the disk of the machine stalled
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                    continue
                run_id = answer.json()["runId"]
                await line.ask(Ask("GET", f"/api/workflow/status/{run_id}"))

    async def leaving() -> None:
        """Send a request and disconnect without reading the answer."""
        while time.monotonic() < until:
            async with Line(server) as line:
                line.send(start_of("short", wait=True))
                await asyncio.sleep(0.01)

    async def watch() -> None:
        while time.monotonic() < until:
            sizes.append(resident_mb(server))
            await asyncio.sleep(SECONDS / 60)

    await asyncio.gather(watch(), *(busy() for _ in range(16)), *(leaving() for _ in range(2)))
    third = len(sizes) // 3
    early, late = max(sizes[third // 2 : third]), max(sizes[-third:])
    print(
        f"{counts[200] / SECONDS:.0f} sync runs/s for {SECONDS:g} s, {counts[503]} refused;"
        f" {early:.1f} to {late:.1f} MB"
    )
    assert counts[202] == 0
    assert counts[503] < counts[200] / 100
    assert late < early * 1.1 + 8
    with server.client() as client:
        assert client.get("/api/workflow/runs", params={"limit": 1}).status_code == 200
    await asyncio.sleep(0.5)
    assert metric(server, "runs_in_memory") == 0
    assert metric(server, "requests_in_flight") == 1
