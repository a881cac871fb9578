"""Every status of the error table, and bad input of many kinds, which never causes a 500."""

import concurrent.futures

import httpx
import pytest

from tests.harness.processes import command
from tests.harness.server import Server, settled

WAITING = {
    "name": "Waiting",
    "initialStep": "act",
    "steps": [
        {"id": "act", "type": "request-user-action"},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "act", "to": "end"}],
}


@pytest.fixture(scope="module")
def waiting(shared: Server) -> str:
    with shared.client() as client:
        return str(client.post("/api/workflows", json=WAITING).json()["id"])


BAD_BODIES = [
    (b'{"data": ', 400),
    (b"[]", 400),
    (b'{"data": []}', 400),
    (b'{"data": {"a": NaN}}', 400),
    (b'{"data": {"a": 1e999}}', 400),
    (b'{"data": {"a": 1, "a": 2}}', 400),
    (b'{"data": {"a": "\\ud800"}}', 400),
    (b'{"data": {"a": 99999999999999999999}}', 400),
    (b'{"data": ' + b"[" * 100_000, 400),
    (b'{"data": {"a": ' + b"[" * 80 + b"]" * 80 + b"}}", 400),
    (b'\xff\xfe{"data": {}}', 400),
    (b'{"dta": {}}', 400),
    (b'{"data": {"a": "' + b"x" * 1_100_000 + b'"}}', 413),
]


@pytest.mark.parametrize(("body", "status"), BAD_BODIES)
def test_a_bad_body_gets_this_status_and_a_message(
    shared: Server, waiting: str, body: bytes, status: int
) -> None:
    with shared.client() as client:
        headers = {"content-type": "application/json"}
        answer = client.post(f"/api/workflow/start/{waiting}", content=body, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) >= {"error", "message", "requestId"}


def test_a_body_of_another_content_type_is_refused(shared: Server, waiting: str) -> None:
    address = f"/api/workflow/start/{waiting}"
    with shared.client() as client:
        assert (
            client.post(address, content=b"a=1", headers={"content-type": "text/plain"}).status_code
            == 415
        )
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        assert client.post(address, content=b"{}", headers=headers).status_code == 415
        broken = {"content-type": "multipart/form-data; boundary=x"}
        cut = b'--x\r\nContent-Disposition: form-data; name="attachment"; filename="a"\r\n\r\nab'
        assert client.post(address, content=cut, headers=broken).status_code == 400


@pytest.mark.parametrize("address", ["/api/workflow/status/nope", "/api/workflows/%00", "/api/x"])
def test_a_missing_object_is_404(shared: Server, address: str) -> None:
    with shared.client() as client:
        assert client.get(address).status_code == 404


def test_a_run_of_another_tenant_looks_like_a_missing_one(shared: Server, waiting: str) -> None:
    with shared.client() as client, shared.client(tenant="other") as stranger:
        run_id = client.post(f"/api/workflow/start/{waiting}").json()["runId"]
        for method, address in (
            ("GET", f"/api/workflow/status/{run_id}"),
            ("POST", f"/api/workflow/resume/{run_id}"),
            ("GET", f"/api/workflows/{waiting}"),
        ):
            assert stranger.request(method, address).status_code == 404
        absent = stranger.get("/api/workflow/status/dynamic-workflow-1").json()
        theirs = stranger.get(f"/api/workflow/status/{run_id}").json()
        assert set(absent) == set(theirs)
        assert stranger.get("/api/workflow/runs").json() == {"runs": [], "nextCursor": None}


def test_all_invalid_credentials_get_the_same_answer(shared: Server) -> None:
    key, address = shared.key(), f"{shared.address}/api/workflows"
    spare = command("key", "create", "--data", shared.data, "--tenant", "acme")
    command("key", "disable", spare["id"], "--data", shared.data, "--tenant", "acme")
    answers = []
    for headers in (
        {},
        {"x-api-key": key},
        {"x-api-key": key, "x-tenant-id": "other"},
        {"x-api-key": "sk_wrong", "x-tenant-id": "acme"},
        {"x-api-key": spare["key"], "x-tenant-id": "acme"},
        {"authorization": "Bearer x.y.z"},
        {"authorization": "Basic abc"},
    ):
        answer = httpx.get(address, headers=headers)
        answers.append((answer.status_code, answer.json()["error"], answer.json()["message"]))
    assert set(answers) == {(401, "Unauthorized", answers[0][2])}


@pytest.mark.parametrize(
    ("role", "method", "address", "status"),
    [
        ("viewer", "GET", "/api/workflows", 200),
        ("viewer", "POST", "/api/workflow/start/waiting", 403),
        ("operator", "POST", "/api/workflow/start/waiting", 200),
        ("operator", "POST", "/api/workflows", 403),
        ("editor", "DELETE", "/api/workflows/waiting/permanent", 403),
    ],
)
def test_endpoints_check_the_role(
    shared: Server, waiting: str, role: str, method: str, address: str, status: int
) -> None:
    with shared.client(role) as client:
        assert client.request(method, address).status_code == status


@pytest.mark.parametrize("address", ["/%0A", "/api/workflow/start/%2F%0A0", "/api/workflows/a%0A"])
def test_a_path_with_a_line_feed_is_an_error_of_the_usual_shape(
    shared: Server, address: str
) -> None:
    with shared.client() as client:
        answer = client.post(address, json={})
    assert answer.status_code in (404, 405)
    assert set(answer.json()) >= {"error", "message", "requestId"}


def test_an_unknown_method_is_405(shared: Server) -> None:
    with shared.client() as client:
        answer = client.request("PROPFIND", "/api/workflows")
    assert (answer.status_code, answer.json()["error"]) == (405, "Method not allowed")


def test_a_wrong_method_is_405_and_names_the_allowed_ones(shared: Server) -> None:
    with shared.client() as client:
        answer = client.patch("/api/workflows")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_a_server_error_shows_only_an_id(shared: Server) -> None:
    fragile = {
        "name": "Fragile",
        "initialStep": "f",
        "steps": [{"id": "f", "type": "fragile"}, {"id": "e", "type": "end-flow"}],
        "edges": [{"from": "f", "to": "e"}],
    }
    with shared.client() as client:
        client.post("/api/workflows", json=fragile)
        run = client.post("/api/workflow/start/fragile").json()
        body = {"type": "collect_inputs", "data": {}}
        answer = client.post(f"/api/workflow/resume/{run['runId']}", json=body)
        assert answer.status_code == 500
        assert "canary" not in answer.text
        assert answer.json()["error"] == "Internal server error"
        still = client.get(f"/api/workflow/status/{run['runId']}").json()
        assert still["status"] == "paused"
    assert "sk_canary" not in shared.log.read_text()


def test_of_concurrent_answers_exactly_one_is_accepted(shared: Server, waiting: str) -> None:
    body = {"type": "request_user_action", "actionId": "act", "actionValue": "approved"}
    with shared.client() as client:
        for _ in range(10):
            run_id = client.post(f"/api/workflow/start/{waiting}").json()["runId"]
            address = f"/api/workflow/resume/{run_id}"
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                asked = [pool.submit(client.post, address, json=body) for _ in range(8)]
            statuses = sorted(item.result().status_code for item in asked)
            assert statuses == [200] + [409] * 7
            assert settled(client, run_id)["status"] == "completed"


def test_a_repeated_start_returns_the_same_run(shared: Server, waiting: str) -> None:
    headers = {"idempotency-key": "order-7"}
    address = f"/api/workflow/start-async/{waiting}"
    with shared.client() as client:
        first = client.post(address, json={"data": {"a": 1}}, headers=headers).json()
        assert client.post(address, json={"data": {"a": 1}}, headers=headers).json() == first
        other = client.post(address, json={"data": {"a": 2}}, headers=headers)
        assert other.status_code == 422


def test_all_problems_of_a_definition_are_reported_at_once(shared: Server) -> None:
    bad = {
        "name": "Bad",
        "initialStep": "nope",
        "steps": [
            {"id": "a", "type": "wait", "durration": "1s"},
            {"id": "a", "type": "end-flow"},
            {"id": "m", "type": "call-lm"},
        ],
        "edges": [{"from": "a", "to": "gone"}],
    }
    with shared.client() as client:
        answer = client.post("/api/workflows", json=bad)
    assert answer.status_code == 400
    paths = {item["path"] for item in answer.json()["details"]}
    assert paths == {
        "initialStep", "steps[0].durration", "steps[1].id", "steps[2].type", "edges[0].to",
    }  # fmt: skip
