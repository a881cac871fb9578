"""kill -9 and lost connections at random moments: no event is lost or repeated."""

import os
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.event_reader import Follower
from tests.harness.journal_access import read_journal
from tests.harness.journals import events_one_by_one
from tests.harness.receiver import Receiver, moody
from tests.harness.server import Server

CYCLES = int(os.environ.get("STEPWELL_CRASH_CYCLES", "3"))
SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
END = {"id": "end", "type": "end-flow"}
WORKFLOWS: list[dict[str, Any]] = [
    {
        "id": "looping", "name": "Looping", "initialStep": "count",
        "steps": [
            {"id": "count", "type": "call-tool", "toolId": "add", "inputs": {"a": "{{ data.sum | default(0) }}"}, "output": {"sum": {"type": "integer"}}},
            END,
        ],
        "edges": [{"from": "count", "to": "count", "condition": "data.sum < 6"}, {"from": "count", "to": "end"}],
    },
    {
        "id": "waiting", "name": "Waiting", "initialStep": "nap",
        "steps": [{"id": "nap", "type": "wait", "duration": "100ms"}, END],
        "edges": [{"from": "nap", "to": "end"}],
    },
    {
        "id": "quick", "name": "Quick", "initialStep": "end", "steps": [END], "edges": [],
    },
    {
        "id": "family", "name": "Family", "initialStep": "each",
        "steps": [{"id": "each", "type": "call-workflow", "workflowId": "quick", "items": "{{ [1, 2, 3] }}", "data": {}}, END],
        "edges": [{"from": "each", "to": "end"}],
    },
]  # fmt: skip


class Load:
    """Starts runs of all kinds until it is stopped."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with self.server.client("operator") as client:
            while not self.stop.is_set():
                name = self.random.choice(["looping", "waiting", "family"])
                try:
                    client.post(f"/api/workflow/start-async/{name}")
                except httpx.TransportError:
                    time.sleep(0.02)
                time.sleep(0.03)

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    settings = {
        "STEPWELL_WEBHOOK_RETRY_FIRST": "0.02",
        "STEPWELL_WEBHOOK_RETRY_LONGEST": "0.1",
        "STEPWELL_WEBHOOK_TIMEOUT": "0.2",
    }
    with Server(tmp_path / "data", PLUGIN, **settings) as server:
        with server.client() as client:
            for document in WORKFLOWS:
                assert client.post("/api/workflows", json=document).status_code == 201
        server.key("operator")
        yield server


def written(server: Server, condition: str = "true") -> list[tuple[int, int, int, str]]:
    """Return position, run, number and type of the events in the journal of a stopped server."""
    with read_journal(server) as journal:
        return (
            events_one_by_one(journal)
            .execute(
                "SELECT e.position, e.run, e.seq, e.type FROM each_event e JOIN runs r ON r.id = e.run"
                f" WHERE {condition} ORDER BY e.position"
            )
            .fetchall()
        )


def settle(server: Server) -> None:
    """Wait until every run has ended."""
    until = time.monotonic() + 60
    with server.client() as client:
        while client.get("/api/workflow/runs?status=running&limit=1").json()["runs"]:
            assert time.monotonic() < until
            time.sleep(0.1)


def cut(follower: Follower) -> bool:
    """Cut the connection of the follower; return false if it had none in time."""
    until = time.monotonic() + 5
    while not (dropped := follower.drop()) and time.monotonic() < until:
        time.sleep(0.02)
    return dropped


def test_a_stream_loses_and_repeats_no_event(loaded: Server) -> None:
    print(f"STEPWELL_SEED={SEED}, {CYCLES} kills")
    chance = random.Random(SEED)
    everything = Follower(loaded.client(), **{"from": "start"})
    some = Follower(loaded.client(), workflowId="quick", type="run.*", **{"from": "start"})
    load = Load(loaded, chance.randrange(2**32))
    for thread in (everything, some, load.thread):
        thread.start()
    drops = 0
    for _ in range(CYCLES):
        for _ in range(1 + chance.randrange(2)):
            time.sleep(chance.uniform(0.02, 0.3))
            drops += cut(chance.choice([everything, some]))
        time.sleep(chance.uniform(0.05, 0.5))
        loaded.kill()
        loaded.start()
    load.end()
    settle(loaded)
    with loaded.client() as client:
        last = position_of(loaded)
        until = time.monotonic() + 30
        while int(everything.reader.last_id or 0) < last or int(some.reader.last_id or 0) < 1:
            assert time.monotonic() < until, (everything.faults, everything.reader.last_id, last)
            time.sleep(0.05)
        assert client.get("/readyz").status_code == 200
    time.sleep(0.5)
    everything.stop.set()
    some.stop.set()
    loaded.kill()
    for follower in (everything, some):
        follower.thread.join(10)
        follower.client.close()
        assert follower.faults == []
    assert everything.reconnects > CYCLES
    assert drops > 0, "no connection was dropped, so nothing was shown of that"
    expected = [row[0] for row in written(loaded)]
    assert [int(event.id) for event in everything.seen] == expected
    only = "r.workflow_id = 'quick' AND e.type LIKE 'Run%'"
    assert [int(event.id) for event in some.seen] == [row[0] for row in written(loaded, only)]
    print(f"{len(expected)} events over {everything.reconnects} connections, {drops} dropped")


def test_webhooks_deliver_all_events_in_order_and_signed(loaded: Server) -> None:
    print(f"STEPWELL_SEED={SEED}, {CYCLES} kills")
    chance = random.Random(SEED)
    with Receiver(moody(random.Random(chance.randrange(2**32)))) as receiver:
        body = {"url": receiver.address, "events": ["*"], "secret": receiver.secret}
        with loaded.client() as client:
            webhook = client.post("/api/webhooks", json=body).json()
        load = Load(loaded, chance.randrange(2**32))
        load.thread.start()
        for _ in range(CYCLES):
            time.sleep(chance.uniform(0.05, 0.5))
            if chance.random() < 0.5:
                receiver.close()
                time.sleep(chance.uniform(0.05, 0.3))
                loaded.kill()
                receiver.open()
            loaded.kill()
            loaded.start()
        load.end()
        settle(loaded)
        receiver.judge = lambda _: 200
        with loaded.client() as client:
            until = time.monotonic() + 60
            while client.get(f"/api/webhooks/{webhook['id']}").json()["pending"] or (
                max(post.data["position"] for post in receiver.received()) < position_of(loaded)
            ):
                assert time.monotonic() < until
                time.sleep(0.1)
    loaded.kill()
    posts = receiver.posts
    received = receiver.received()
    assert all(post.signed for post in posts)
    ids = {(post.data["position"], post.id) for post in posts}
    assert len({position for position, _ in ids}) == len(ids), "an event came under two ids"
    assert {position for position, _ in ids} == {row[0] for row in written(loaded)}
    assert {post.data["position"] for post in received} == {row[0] for row in written(loaded)}
    known: Counter[str] = Counter()
    for post in posts:
        run_id, seq = post.data["runId"], post.data["seq"]
        assert seq <= known[run_id] + 1, "an event came before the one before it was received"
        if post.status == 200:
            known[run_id] = max(known[run_id], seq)
    failed, repeated = len(posts) - len(received), len(received) - len(ids)
    assert failed > 0, "the receiver never failed, so nothing was shown"
    print(f"{len(ids)} events in {len(posts)} posts: {failed} failed, {repeated} repeated")


def position_of(server: Server) -> int:
    """Return the position of the newest event."""
    with read_journal(server) as journal:
        (position,) = journal.execute("SELECT max(position) FROM events").fetchone()
    return int(position)
