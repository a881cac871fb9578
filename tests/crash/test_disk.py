"""A disk that refuses writes: the server reports it, keeps running and recovers by itself."""

import resource
import time

from tests.harness.server import Server, settled

WAITING = {
    "id": "waiting", "name": "Waiting", "initialStep": "act",
    "steps": [
        {"id": "act", "type": "request-user-action"},
        {"id": "nap", "type": "call-tool", "toolId": "sleep", "inputs": {"seconds": 0.3}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "act", "to": "nap"}, {"from": "nap", "to": "end"}],
}  # fmt: skip
ANSWER = {"type": "request_user_action", "actionId": "act", "actionValue": "approved"}


def limit(server: Server, size: int) -> None:
    """Limit the size of the server's files to `size` bytes."""
    assert server.process is not None
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_server_recovers_from_a_full_disk_without_loss(server: Server) -> None:
    with server.client() as client:
        client.post("/api/workflows", json=WAITING)
        kept = [client.post("/api/workflow/start/waiting").json()["runId"] for _ in range(20)]
        in_flight, kept = kept[:4], kept[4:]
        for run_id in in_flight:
            assert client.post(f"/api/workflow/resume/{run_id}", json=ANSWER).status_code == 200
        limit(server, 20_000)
        refused = [client.post("/api/workflow/start-async/waiting") for _ in range(5)]
        assert {answer.status_code for answer in refused} == {503}, "the fault did not fire"
        assert refused[0].headers["retry-after"] == "1"
        assert client.post(f"/api/workflow/resume/{kept[0]}", json=ANSWER).status_code == 503
        assert client.get(f"/api/workflow/status/{kept[0]}").json()["status"] == "paused"
        time.sleep(2.5)
        log = server.log.read_text()
        assert log.count("the journal cannot write") == 1
        assert "run not recovered" not in log, "one line for all tries"
        limit(server, resource.RLIM_INFINITY)
        for run_id in in_flight:
            assert settled(client, run_id)["status"] == "completed"
        until = time.monotonic() + 60
        while client.post("/api/workflow/start-async/waiting").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        for run_id in kept:
            answer = client.post(f"/api/workflow/resume/{run_id}", json=ANSWER)
            assert answer.status_code in (200, 409), answer.text
            assert settled(client, run_id)["status"] == "completed"
