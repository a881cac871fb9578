"""Streams and webhooks after events are deleted or damaged, or the sealing key has changed."""

import base64
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import PLUGIN
from tests.events.test_webhooks import ASK, QUICK, hook, start, until
from tests.harness.event_reader import Reader, all_of_run, stream
from tests.harness.receiver import Receiver
from tests.harness.server import Server, settled

pytestmark = pytest.mark.data_folder

SPOIL_THE_SECOND = """
    UPDATE events SET body = iif(
        schema = 2,
        json_set(body, '$[' || (json_array_length(body) + 1 - seq) || ']', json('{"x": 1}')),
        '{"x": 1}')
    WHERE run = ? AND seq = (
        SELECT min(one.seq) FROM events one WHERE one.run = events.run AND one.seq >= 2)
"""


def change(server: Server, statement: str, *values: object) -> None:
    """Change one row in the journal of a stopped server."""
    with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal, journal:
        journal.execute("PRAGMA foreign_keys = ON")
        assert journal.execute(statement, values).rowcount == 1
    journal.close()


def test_gaps_of_deleted_runs_do_not_stop_streams_or_webhooks(tmp_path: Path) -> None:
    settings = {"STEPWELL_WEBHOOK_RETRY_FIRST": "0.1", "STEPWELL_WEBHOOK_RETRY_LONGEST": "0.2"}
    server = Server(tmp_path / "data", PLUGIN, **settings)
    with Receiver() as receiver, server, server.client() as client:
        assert client.post("/api/workflows", json=QUICK).status_code == 201
        webhook = hook(client, receiver, "run.*")
        receiver.close()
        first, newest = start(client), start(client)
        settled(client, first), settled(client, newest)
        reader = Reader()
        with stream(client, "/api/workflow/events", reader, **{"from": "start"}) as events:
            seen = [next(events) for _ in range(8)]
        path = f"/api/webhooks/{webhook['id']}"
        until(lambda: client.get(path).json()["pending"] == 4)
        server.kill()
        number = int(newest.rpartition("-")[2])
        change(server, "DELETE FROM runs WHERE id = ?", number)
        receiver.open()
        server.start()
        after = start(client)

        def delivered_runs() -> list[str]:
            return [post.data["runId"] for post in receiver.received()]

        until(
            lambda: delivered_runs().count(after) == 2 and client.get(path).json()["pending"] == 0
        )
        assert [run_id for run_id in delivered_runs() if run_id != first] == [after, after]
        given_up = client.get(f"{path}/deliveries?status=givenUp").json()["deliveries"]
        assert {item["runId"] for item in given_up} == {newest}
        assert {item["error"] for item in given_up} == {"the run was deleted"}
        with stream(client, "/api/workflow/events", reader) as events:
            rest = [next(events) for _ in range(4)]
        assert {event.data["runId"] for event in rest} == {after}
        assert min(int(event.id) for event in rest) > max(int(event.id) for event in seen)
        assert client.get(f"/api/workflow/events/{newest}").status_code == 404


def test_an_unreadable_event_is_reported_as_such(server: Server) -> None:
    with Receiver() as receiver, server.client() as client:
        assert client.post("/api/workflows", json=QUICK).status_code == 201
        run_id = start(client)
        settled(client, run_id)
        server.kill()
        number = int(run_id.rpartition("-")[2])
        change(server, SPOIL_THE_SECOND, number)
        server.start()
        seen = all_of_run(client, run_id)
        assert [event.event for event in seen] == [
            "run.started", "event.unreadable", "step.completed", "run.completed",
        ]  # fmt: skip
        assert "event 2 of run" in seen[1].data["error"]
        hook(client, receiver, **{"from": "start"})
        until(lambda: len(receiver.received()) == 4)
        assert receiver.received()[1].type == "event.unreadable"


def test_webhooks_survive_a_change_of_the_sealing_key(tmp_path: Path) -> None:
    old, new = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    server = Server(tmp_path / "data", PLUGIN, STEPWELL_SECRETS_KEY=old)
    with Receiver() as receiver, server, server.client() as client:
        webhook = hook(client, receiver)
        for key, older in ((new, old), (new, "")):
            server.kill()
            server.environment |= {"STEPWELL_SECRETS_KEY": key, "STEPWELL_SECRETS_OLD_KEYS": older}
            server.start()
            assert client.post(f"/api/webhooks/{webhook['id']}/test").json()["success"]
    assert [post.signed for post in receiver.posts] == [True, True]


def test_many_events_of_one_run_arrive_in_order(server: Server) -> None:
    with Receiver() as receiver, server.client() as client:
        assert client.post("/api/workflows", json=ASK).status_code == 201
        runs = [start(client, "asking") for _ in range(5)]
        for run_id in runs:
            client.post(
                f"/api/workflow/resume/{run_id}",
                json={"type": "request_user_action", "actionId": "ask", "actionValue": "approved"},
            )
        hook(client, receiver, **{"from": "start"})
        until(lambda: len(receiver.received()) == 8 * len(runs))
        for run_id in runs:
            seqs = [
                post.data["seq"] for post in receiver.received() if post.data["runId"] == run_id
            ]
            assert seqs == list(range(1, 9))
