"""Event streams over real connections: content, filters, start and end."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.events.catalogue import KINDS, NAMES
from engine import EVENT_TYPES
from tests.conftest import PLUGIN
from tests.harness.event_reader import Reader, Seen, all_of_run, stream
from tests.harness.processes import command
from tests.harness.server import Server, settled

ASKS: dict[str, Any] = {"id": "ask", "type": "request-user-action", "message": "Is it so?"}
ASK = {
    "id": "asking", "name": "Asking", "initialStep": "sum",
    "steps": [
        {"id": "sum", "type": "call-tool", "toolId": "add", "inputs": {"a": 1}, "output": {"sum": {"type": "integer"}}},
        ASKS,
        {"id": "end", "type": "end-flow", "result": {"sum": "{{ data.sum }}"}},
    ],
    "edges": [{"from": "sum", "to": "ask"}, {"from": "ask", "to": "end"}],
}  # fmt: skip
FAIL = {
    "id": "failing", "name": "Failing", "initialStep": "break",
    "steps": [
        {"id": "break", "type": "call-tool", "toolId": "explode", "retry": {"maxAttempts": 2, "initialInterval": "10ms"}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "break", "to": "end"}],
}  # fmt: skip
QUICK = {
    "id": "quick", "name": "Quick", "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow", "result": {"n": "{{ data.n | default(0) }}", "text": "{{ data.text | default('') }}"}}], "edges": [],
}  # fmt: skip
FAMILY = {
    "id": "family", "name": "Family", "initialStep": "each",
    "steps": [
        {"id": "each", "type": "call-workflow", "workflowId": "quick", "items": "{{ [1, 2, 3] }}", "data": {"n": "{{ item }}"}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "each", "to": "end"}],
}  # fmt: skip
CROWD = {
    "id": "crowd", "name": "Crowd", "initialStep": "each",
    "steps": [
        {"id": "each", "type": "call-workflow", "workflowId": "quick", "items": "{{ range(400) | list }}", "data": {"text": "{{ data.text }}"}, "concurrency": 50},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "each", "to": "end"}],
}  # fmt: skip
ANSWER = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("streams")
    with Server(
        folder / "data", PLUGIN, STEPWELL_EVENT_HEARTBEAT="0.3", STEPWELL_MAX_EVENT_STREAMS="4"
    ) as server:
        with server.client() as client:
            for document in (ASK, FAIL, QUICK, FAMILY):
                assert client.post("/api/workflows", json=document).status_code == 201
        yield server


def start(client: httpx.Client, workflow: str, **data: Any) -> str:
    answer = client.post(f"/api/workflow/start-async/{workflow}", json={"data": data})
    return str(answer.json()["runId"])


def names(events: list[Seen]) -> list[str]:
    return [event.event for event in events]


def test_every_event_of_the_engine_has_a_distinct_name() -> None:
    assert set(KINDS) == set(EVENT_TYPES)
    assert len(set(NAMES)) == len(NAMES)


def test_a_run_is_streamed_from_its_start_to_its_end(shared: Server) -> None:
    with shared.client("operator") as client, shared.client("viewer") as looker:
        run_id = start(client, "asking")
        seen = []
        with stream(looker, f"/api/workflow/events/{run_id}") as events:
            for event in events:
                seen.append(event)
                if event.event == "run.paused":
                    client.post(f"/api/workflow/resume/{run_id}", json=ANSWER)
    assert names(seen) == [
        "run.started", "step.started", "step.completed", "step.started", "run.paused",
        "run.resumed", "step.completed", "step.started", "step.completed", "run.completed",
    ]  # fmt: skip
    assert [event.data["seq"] for event in seen] == list(range(1, 11))
    assert [int(event.id) for event in seen] == [event.data["position"] for event in seen]
    paused, last = seen[4].data, seen[-1].data
    assert paused["stepId"] == "ask"
    assert paused["pauseSignal"]["message"] == "Is it so?"
    assert paused["status"] == "paused"
    assert last["result"] == {"sum": 2}
    assert seen[2].data["nextStepId"] == "ask"
    assert last["workflowId"] == "asking"


def test_a_failure_has_an_event_for_each_attempt(shared: Server) -> None:
    with shared.client() as client:
        seen = all_of_run(client, start(client, "failing"))
    assert names(seen) == [
        "run.started", "step.started", "attempt.failed", "step.started", "step.failed", "run.failed",
    ]  # fmt: skip
    assert seen[2].data["error"]["message"]
    assert seen[-1].data["error"]["attempts"] == 2


def test_a_stream_of_the_inbox_has_only_events_of_questions_that_its_reader_sees(
    shared: Server,
) -> None:
    """Questions for others, pauses for child runs and ordinary runs are left out."""
    named: dict[str, Any] = {**ASK, "id": "named", "steps": [
        ASK["steps"][0], {**ASKS, "assignees": ["{{ data.who }}"]}, ASK["steps"][2]]}  # fmt: skip
    around = {"id": "around", "name": "Around", "initialStep": "one", "steps": [
        {"id": "one", "type": "call-workflow", "workflowId": "asking"}, {"id": "end", "type": "end-flow"},
    ], "edges": [{"from": "one", "to": "end"}]}  # fmt: skip
    with shared.client() as client, shared.client("operator") as reader:
        for document in (named, around):
            client.post("/api/workflows", json=document).raise_for_status()
        prefix = reader.headers["x-api-key"][:8]
        mine = next(key for key in client.get("/api/keys").json() if key["prefix"][:8] == prefix)
        me = f"key:{mine['id']}"
        with stream(reader, "/api/workflow/events", inbox="true") as events:
            for workflow in ("quick", "failing"):
                settled(client, start(client, workflow))
            theirs, handed = start(client, "named", who="ada"), start(client, "named", who="ada")
            settled(client, theirs, "paused")
            settled(client, handed, "paused")
            client.post(f"/api/workflow/delegate/{handed}", json={"to": me}).raise_for_status()
            client.post(f"/api/workflow/delegate/{handed}", json={"to": "ada"}).raise_for_status()
            for run in (theirs, handed):
                client.post(f"/api/workflow/resume/{run}", json=ANSWER).raise_for_status()
            ended = start(client, "named", who=me)
            settled(client, ended, "paused")
            stop = {"runId": ended}
            client.post("/api/workflow/management/cancel", json=stop).raise_for_status()
            parent = start(client, "around")
            settled(client, parent, "paused")
            seen = [next(events) for _ in range(5)]
            client.post("/api/workflow/management/terminate", json={"runId": parent})
            seen.append(next(events))
    told = [(event.event, event.data["runId"]) for event in seen]
    child = told[4][1]
    assert told == [
        ("pause.changed", handed), ("pause.changed", handed),
        ("run.paused", ended), ("run.cancel_requested", ended),
        ("run.paused", child), ("run.terminated", child),
    ]  # fmt: skip
    assert child != parent


def test_a_reader_resumes_after_the_last_event_id(shared: Server) -> None:
    with shared.client() as client:
        run_id = start(client, "asking")
        settled(client, run_id, "paused")
        path, reader = f"/api/workflow/events/{run_id}", Reader()
        with stream(client, path, reader) as events:
            first = [next(events) for _ in range(3)]
        client.post(f"/api/workflow/resume/{run_id}", json=ANSWER)
        with stream(client, path, reader) as events:
            rest = list(events)
        with stream(client, path, lastEventId=first[-1].id) as events:
            assert list(events) == rest
        assert first + rest == all_of_run(client, run_id)
        assert reader.retry == 2_000
        reported = client.get(path, headers={"last-event-id": rest[-1].id})
        assert reported.status_code == 204


def test_an_unknown_position_is_refused(shared: Server) -> None:
    with shared.client() as client:
        run_id = start(client, "quick")
        for asked in ("99999999999", "x", "-1"):
            headers = {"last-event-id": asked}
            answer = client.get(f"/api/workflow/events/{run_id}", headers=headers)
            assert answer.status_code == 400, answer.text
        assert client.get("/api/workflow/events?status=gone").status_code == 400
        assert client.get("/api/workflow/events?type=run.begun").status_code == 400
        assert client.get("/api/workflow/events?form=start").status_code == 400


def test_a_large_output_is_omitted_and_its_size_is_shown(shared: Server) -> None:
    with shared.client() as client:
        seen = all_of_run(client, start(client, "quick", text="ä" * 50_000))
    done = seen[2].data
    assert done["type"] == "step.completed"
    assert "output" not in done
    assert done["omitted"] == {"output": len('{"n":0,"text":""}') + 100_000}
    assert max(len(str(event.data)) for event in seen) < 1_000


def test_the_tenant_stream_starts_at_the_newest_event_and_sends_its_position(
    shared: Server,
) -> None:
    with shared.client() as client:
        settled(client, start(client, "quick", n=1), "completed")
        reader = Reader()
        with client.stream("GET", "/api/workflow/events") as answer:
            lines = answer.iter_lines()
            while not reader.last_id:
                assert list(reader.events(iter([next(lines)]))) == []
        run_id = start(client, "quick", n=2)
        with stream(client, "/api/workflow/events", reader) as events:
            seen = [next(events) for _ in range(4)]
    assert {event.data["runId"] for event in seen} == {run_id}
    assert names(seen)[-1] == "run.completed"


@pytest.mark.parametrize(("query", "expected"), [
    ({"workflowId": "failing,quick", "type": "run.*"}, {"run.started", "run.failed", "run.completed"}),
    ({"status": "failed,paused"}, {"run.failed", "run.paused"}),
    ({"type": "step.started,run.paused", "status": "paused"}, {"run.paused"}),
    ({"workflowId": "nothing"}, set()),
])  # fmt: skip
def test_filters_select_events(shared: Server, query: dict[str, str], expected: set[str]) -> None:
    with shared.client() as client:
        runs = [start(client, name) for name in ("quick", "failing", "asking")]
        for run_id in runs:
            settled(client, run_id)
        last = max(
            int(event.id) for run_id in (runs[0], runs[1]) for event in all_of_run(client, run_id)
        )
        seen, reader = list[Seen](), Reader()
        with client.stream(
            "GET", "/api/workflow/events", params={"from": "start", **query}
        ) as answer:
            for line in answer.iter_lines():
                seen += reader.events(iter([line]))
                if int(reader.last_id or 0) >= last and reader.comments:
                    break
        everything = [event for run_id in runs[:2] for event in all_of_run(client, run_id)]
    assert set(names(seen)) == expected
    for event in seen:
        assert "workflowId" not in query or event.data["workflowId"] in query["workflowId"]
    asked_for = [event for event in everything if event.event in expected]
    assert {event.id for event in asked_for} <= {event.id for event in seen}


def test_child_runs_have_events_and_can_be_filtered_by_parent(shared: Server) -> None:
    with shared.client() as client:
        parent = start(client, "family")
        own = all_of_run(client, parent)
        assert "children.awaited" in names(own)
        query: dict[str, Any] = {"from": "start", "parentRunId": parent, "type": "run.completed"}
        with stream(client, "/api/workflow/events", **query) as events:
            seen = [next(events) for _ in range(3)]
        assert {event.data["parentRunId"] for event in seen} == {parent}
        assert sorted(event.data["result"]["n"] for event in seen) == [1, 2, 3]


def test_other_tenants_see_no_events(shared: Server) -> None:
    with shared.client() as client, shared.client("owner", "rival") as rival:
        run_id = start(client, "asking")
        assert rival.get(f"/api/workflow/events/{run_id}").status_code == 404
        assert rival.get(f"/api/workflow/events?parentRunId={run_id}").status_code == 404
        assert client.get("/api/workflow/events/dynamic-workflow-7").status_code == 404
        assert httpx.get(f"{shared.address}/api/workflow/events").status_code == 401
        reader = Reader()
        with rival.stream("GET", "/api/workflow/events", params={"from": "start"}) as answer:
            for line in answer.iter_lines():
                assert list(reader.events(iter([line]))) == []
                if len(reader.comments) == 2:
                    break


def test_an_idle_stream_sends_keep_alive_comments(shared: Server) -> None:
    with shared.client() as client:
        run_id = start(client, "asking")
        settled(client, run_id, "paused")
        reader = Reader()
        with client.stream("GET", f"/api/workflow/events/{run_id}") as answer:
            for line in answer.iter_lines():
                list(reader.events(iter([line])))
                if len(reader.comments) == 3:
                    break


def test_the_number_of_streams_of_a_tenant_is_limited(shared: Server) -> None:
    with shared.client("owner", "many") as client:
        path = "/api/workflow/events"
        opened = [client.send(client.build_request("GET", path), stream=True) for _ in range(4)]
        refused = client.get(path)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "5"
        opened.pop().close()
        until(lambda: opens(client) == 200)
        for answer in opened:
            answer.close()


def test_a_stream_ends_when_its_key_is_disabled(shared: Server) -> None:
    key = command("key", "create", "--data", shared.data, "--tenant", "acme", "--role", "viewer")
    headers = {"x-api-key": key["key"], "x-tenant-id": "acme"}
    with httpx.Client(base_url=shared.address, headers=headers, timeout=10) as client:
        with stream(client, "/api/workflow/events") as events:
            command("key", "disable", key["id"], "--data", shared.data, "--tenant", "acme")
            with shared.client() as other:
                start(other, "quick")
            list(events)
        assert client.get("/api/workflow/events").status_code == 401


def test_stopping_the_server_ends_streams_at_once(tmp_path: Path) -> None:
    patient = {"STEPWELL_SHUTDOWN_GRACE": "600"}
    with Server(tmp_path / "data", PLUGIN, **patient) as server, server.client() as client:
        opened, ended = threading.Event(), threading.Event()

        def read() -> None:
            with stream(client, "/api/workflow/events") as events:
                opened.set()
                list(events)
            ended.set()

        reading = threading.Thread(target=read)
        reading.start()
        assert opened.wait(60)
        with unread(server, "acme"):
            assert server.terminate() == 0
        reading.join(60)
    assert ended.is_set()


def test_a_stalled_reader_is_disconnected_and_uses_little_memory(tmp_path: Path) -> None:
    settings = {"STEPWELL_EVENT_STALL": "1", "STEPWELL_MAX_EVENT_STREAMS": "1"}
    with Server(tmp_path / "data", PLUGIN, **settings) as server, server.client() as client:
        for document in (QUICK, CROWD):
            assert client.post("/api/workflows", json=document).status_code == 201
        settled(client, start(client, "crowd", text="x" * 8_000), "completed")
        before = resident_kib(server)
        with unread(server, "acme"):  # it takes the one stream that the tenant may have
            until(lambda: opens(client) == 200)
            grown = resident_kib(server) - before
    print(f"a reader that does not read made the server grow by {grown} KiB")
    assert grown < 20_000
    assert "does not read" in server.log.read_text()


def opens(client: httpx.Client) -> int:
    """Open the tenant's stream, close it, and return the status."""
    with client.stream("GET", "/api/workflow/events") as answer:
        return answer.status_code


def until(happens: Callable[[], bool], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unread(server: Server, tenant: str) -> socket.socket:
    """Request all events, and read nothing but the head of the answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.connect(("127.0.0.1", server.port))
    key = server.key("owner", tenant)
    connection.sendall(
        b"GET /api/workflow/events?from=start HTTP/1.1\r\nhost: x\r\n"
        b"x-api-key: %s\r\nx-tenant-id: %s\r\n\r\n" % (key.encode(), tenant.encode())
    )
    connection.settimeout(10)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def resident_kib(server: Server) -> int:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
