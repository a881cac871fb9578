"""Reminders, escalation, notices and deadlines of open pauses, also across kill -9."""

import json
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import PLUGIN
from tests.harness.server import Server, settled


def asking(identity: str, *edges: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {
        "id": identity, "name": identity, "initialStep": "ask", "title": "Claim {{ data.n }}",
        "payload": {"n": {"type": "integer", "default": 7}},
        "steps": [{"id": "ask", "type": "request-user-action", "message": "Pay {{ data.n }}?", **settings},
                  {"id": "late", "type": "end-flow", "result": {"late": True}},
                  {"id": "end", "type": "end-flow", "result": "{{ steps.ask.output }}"}],
        "edges": [{"from": "ask", "to": "end"}, *(edges or [{"from": "ask", "to": "late", "on": "error"}])],
    }  # fmt: skip


def begin(client: httpx.Client, definition: dict[str, Any]) -> str:
    known = client.post("/api/workflows", json=definition)
    assert known.status_code == 201, known.text
    return str(client.post(f"/api/workflow/start/{definition['id']}", json={}).json()["runId"])


def until(client: httpx.Client, run_id: str, **wanted: Any) -> dict[str, Any]:
    """Wait until the open pause has these keys."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        pause = client.get(f"/api/workflow/status/{run_id}").json()["pauseSignal"] or {}
        if all(pause.get(name) == value for name, value in wanted.items()):
            return dict(pause)
        time.sleep(0.02)
    raise AssertionError(f"{pause} has not become {wanted}")


def wait_for(file: Path, word: str) -> None:
    """Wait until the file contains the word."""
    end = time.monotonic() + 20
    while word not in words(file):
        assert time.monotonic() < end, words(file)
        time.sleep(0.02)


def words(file: Path) -> list[str]:
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


def posted(connection: socket.socket) -> tuple[str, dict[str, Any]]:
    """Return the idempotency key and the body of a request."""
    with connection.makefile("rb") as reading:
        lines = [line.decode().strip().partition(": ") for line in iter(reading.readline, b"\r\n")]
        headers = {name.lower(): text for name, _, text in lines}
        body = json.loads(reading.read(int(headers["content-length"])))
    return headers["idempotency-key"], body


def test_escalation_lets_more_people_answer_and_never_fewer(shared: Server) -> None:
    more = {"escalateTo": [{"after": "1ms", "assignees": ["directors"]}], "remind": ["1h"]}
    with shared.client("owner", "late") as client:
        for identity, names in (("all", {}), ("some", {"assignees": ["ada"]})):
            run_id = begin(client, asking(f"escalated-{identity}", **more, **names))
            pause = until(client, run_id, escalatedTo=["directors"])
            assert pause.get("assignees") == (["ada", "directors"] if names else None)
            assert not {"plan", "planDone", "notices"} & set(pause)


def test_a_deadline_does_exactly_what_is_configured(shared: Server) -> None:
    late = {"deadline": "{{ '100ms' }}"}
    with shared.client("owner", "late") as client:
        wrong = asking("wrong", onDeadline="stay")
        assert "without a `deadline`" in client.post("/api/workflows", json=wrong).text
        wrong = asking("wrong", deadline="1 day", onDeadline="fail")
        assert "must be a duration" in client.post("/api/workflows", json=wrong).text
        fails = begin(client, asking("fails", **late, onDeadline="fail"))
        takes = begin(client, asking("takes", **late, onDeadline={"actionValue": "rejected"}))
        stays = begin(client, asking("stays", **late, onDeadline="stay"))
        edge = {"from": "ask", "to": "late", "on": "timeout"}
        leaves = begin(client, asking("leaves", edge, **late))
        link = client.post(f"/api/workflow/links/{stays}", json={"name": "Ada"}).json()["url"]
        failed = settled(client, fails, "completed")
        assert failed["stepExecutionHistory"][0]["error"]["type"] == "DeadlinePassed"
        taken = settled(client, takes, "completed")["result"]
        assert (taken["actionValue"], taken["answeredBy"]) == ("rejected", "deadline")
        assert settled(client, leaves, "completed")["result"] == {"late": True}
        before = until(client, stays, overdue=True)
        page = httpx.get(link.replace(link.split("/answer/")[0], shared.address))
        assert page.status_code == 200, "the link stays valid"
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved",
                  "pauseId": before["pauseId"]}  # fmt: skip
        assert client.post(f"/api/workflow/resume/{stays}", json=answer).status_code == 200


def test_notices_to_a_silent_receiver_do_not_delay_another_tenant(
    shared: Server, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with shared.client("owner", "deaf") as client, shared.client("owner", "heard") as other:
            begin(client, asking("deaf", notify=[{"url": address}]))
            for _ in range(20):
                client.post("/api/workflow/start/deaf", json={}).raise_for_status()
            reported = {"toolId": "note", "inputs": {"file": str(tmp_path / "n"), "word": "asked"}}
            begin(other, asking("heard", notify=[reported]))
            wait_for(tmp_path / "n", "asked")


def test_notices_reminders_and_escalation_happen_once_across_kills(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    definition = asking(
        "told",
        assignees=["ada"],
        remind=["1500ms"],
        escalateTo=[{"after": "3s", "assignees": ["group:managers"]}],
        notify=[
            {"toolId": "note", "inputs": {"file": str(notes), "word": "{{ pause.occasion }}{{ pause.assignees | length if pause.occasion == 'escalated' else '' }}"}},
            {"toolId": "note", "on": ["asked"], "inputs": {"file": str(tmp_path / "link"), "word": "{{ pause.link }}"}},
            {"url": address, "on": ["asked"]},
            {"toolId": "explode", "on": ["asked"]},
        ],
    )  # fmt: skip
    with listening, Server(tmp_path / "data", PLUGIN) as server, server.client() as client:
        run_id = begin(client, definition)
        pause_id = client.get(f"/api/workflow/status/{run_id}").json()["pauseSignal"]["pauseId"]
        with listening.accept()[0] as unanswered:
            first = posted(unanswered)
            server.kill()
        server.start()
        with listening.accept()[0] as connection:
            assert posted(connection) == first
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert first[1]["title"] == "Claim 7"
        wait_for(notes, "reminded")
        server.kill()
        time.sleep(1.6)
        server.start()
        pause = until(client, run_id, assignees=["ada", "group:managers"])
        assert pause["pauseId"] == pause_id, "the pause stays open"
        wait_for(notes, "escalated2")
        assert set(words(notes)) == {"asked", "reminded", "escalated2"}
        keys = Counter(notes.read_text().splitlines())
        assert len(keys) == 3, "what is sent again has the same key"
        (link,) = set((tmp_path / "link").read_text().splitlines())
        address = server.address + "/answer/" + link.split()[0].partition("/answer/")[2]
        assert httpx.get(address).status_code == 200
        assert client.get(f"/api/workflow/status/{run_id}").json()["status"] == "paused"
        assert "Your answer is stored" in httpx.post(address, data={"actionValue": "approved"}).text
        assert settled(client, run_id, "completed")["result"]["answeredBy"] == "link:ada"
        with client.stream("GET", f"/api/workflow/events/{run_id}") as stream:
            reported = "".join(stream.iter_text())
        assert "the tool raised" not in reported, "a tool that fails says why"
        assert '"what":"not_notified"' in reported
        server.kill()
