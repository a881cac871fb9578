"""Requests to trigger addresses: mapping to input, answers and recorded firings."""

import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.server import TRUST, Server, settled
from tests.triggers.conftest import nothing_to_do
from tests.triggers.incoming import TAKES, firings, put


@pytest.fixture(scope="module")
def owner(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        client.post("/api/workflows", json=nothing_to_do("takes", payload=TAKES)).raise_for_status()
        client.post("/api/workflows", json=nothing_to_do("any")).raise_for_status()
        yield client


def test_a_request_is_mapped_to_the_input_of_a_run(
    owner: httpx.Client, sender: httpx.Client
) -> None:
    url = put(
        owner, "mapped", when="request.body.kind == 'opened'",
        data={"who": "{{ request.headers['x-who'] }}", "amount": "{{ request.body.n }}",
              "page": "{{ request.query.page }}", "sent": "{{ request.headers.authorization }}"},
        idempotencyKey="{{ request.body.id }}", workflowId="takes", respond="200",
    )["url"]  # fmt: skip
    headers = {"x-who": "ada", "authorization": "Bearer secret-of-the-sender"}
    body = {"kind": "opened", "n": 2.5, "id": 7}
    first = sender.post(f"{url}?page=3", json=body, headers=headers)
    assert first.status_code == 200
    run = settled(owner, first.json()["runId"])
    assert run["data"] == {"who": "ada", "amount": 2.5, "page": "3", "sent": "***"}
    again = sender.post(f"{url}?page=4", json=body, headers=headers).json()
    assert (again["duplicate"], again["runId"]) == (True, run["runId"])
    closed = sender.post(url, json={"kind": "closed"}).json()
    assert (closed["accepted"], closed["runId"]) == (False, None)
    unfit = sender.post(f"{url}?page=1", json={**body, "n": "many", "id": 8}, headers=headers)
    assert (unfit.status_code, unfit.json()["details"][0]["path"]) == (400, "data.amount")
    lost = sender.post(url, json={**body, "id": 9}, headers=headers)
    assert lost.status_code == 400
    assert "page" not in lost.text
    assert (
        sender.post(url, content=b"{", headers={"content-type": "application/json"}).status_code
        == 400
    )
    found = firings(owner, "mapped")
    assert [what for what, _ in found] == [
        "failed", "failed", "failed", "skipped", "repeated", "started"
    ]  # fmt: skip
    assert "request.query.page" in str(found[1][1])


@pytest.mark.data_folder
def test_forms_files_and_other_content_types_become_the_input(
    owner: httpx.Client, sender: httpx.Client
) -> None:
    url = put(owner, "files", data={"name": "{{ request.body.name }}", "files": "{{ request.files }}"},
              maxBytes=100_000)["url"]  # fmt: skip
    sent = sender.post(url, data={"name": "a"}, files={"doc": ("../x.csv", b"a,b", "text/csv")})
    data = settled(owner, sent.json()["runId"])["data"]
    file = data["files"]["doc"]
    assert (data["name"], file["fileName"], file["size"]) == ("a", "x.csv", 3)
    assert owner.get(f"/api/workflow/files/{file['fileId']}").content == b"a,b"
    plain = put(owner, "plain")["url"]
    run = sender.post(plain, data={"a": ["1", "2"], "payload": '{"b": 1}'}).json()["runId"]
    assert settled(owner, run)["data"] == {"a": ["1", "2"], "payload": '{"b": 1}'}
    raw = put(owner, "raw", data={"body": "{{ request.body }}"})["url"]
    for kind, content, body in (
        ("application/json; charset=iso-8859-1", '{"n": "ü", "id": 12345678901234567890}'.encode("latin-1"),
         {"n": "ü", "id": 12345678901234567890}),
        ("application/xml", "<?xml version='1.0' encoding='koi8-r'?><n>Счёт</n>".encode("koi8-r"),
         "<?xml version='1.0' encoding='koi8-r'?><n>Счёт</n>"),
        ("application/x-ndjson", b'{"a":1}\n{"a":2}\n', '{"a":1}\n{"a":2}\n'),
        ("application/x-www-form-urlencoded; charset=cp1252", b"n=%80", {"n": "\u20ac"}),
    ):  # fmt: skip
        got = sender.post(raw, content=content, headers={"content-type": kind})
        assert got.status_code == 202, got.text
        run = got.json()["runId"]
        assert settled(owner, run)["data"]["body"] == body
    run = sender.post(plain, content=b"\x89PNG\r\n\x1a\n..", headers={"content-type": "image/png"})
    stored = settled(owner, run.json()["runId"])["data"]["body"]
    assert owner.get(f"/api/workflow/files/{stored}").content.startswith(b"\x89PNG")
    assert sender.post(url, content=b"x" * 100_001).status_code == 413
    assert sender.get(url).status_code == 405
    assert sender.post(url, content=b"x", headers={"content-encoding": "gzip"}).status_code == 415


def test_a_workflow_defines_the_answer(owner: httpx.Client, sender: httpx.Client) -> None:
    end = {"id": "end", "type": "end-flow", "result": {"sum": "{{ data.a + data.b }}"},
           "answer": {"status": "{{ data.status }}", "body": "{{ data.body }}",
                      "headers": {"Content-Type": "text/html", "X-Sum": "{{ data.head }}"}}}  # fmt: skip
    owner.post("/api/workflows", json={**nothing_to_do("says"), "steps": [end]}).raise_for_status()
    plain = {key: item for key, item in end.items() if key != "answer"}
    owner.post("/api/workflows", json={**nothing_to_do("sums"), "steps": [plain]})
    url = put(owner, "sums", workflowId="sums", respond="result", wait="20s")["url"]
    answer = sender.post(url, json={"a": 1, "b": 2})
    assert (answer.status_code, answer.json()) == (200, {"sum": 3})
    refused = sender.post(url, json={"a": 1})
    assert (refused.status_code, refused.json()["message"]) == (500, "the run has failed")
    url = put(owner, "says", workflowId="says", respond="result",
              idempotencyKey="{{ request.body.key | default('') }}")["url"]  # fmt: skip
    sent = {"a": 1, "b": 2, "status": 418, "body": "<script>1</script>", "head": "3", "key": "k"}
    for _ in range(2):  # the second request gets the stored answer
        answer = sender.post(url, json=sent)
        assert (answer.status_code, answer.text, answer.headers["x-sum"]) == (
            418,
            sent["body"],
            "3",
        )
        assert answer.headers["content-security-policy"].startswith("sandbox")
    for wrong in (
        {"head": "1\r\nset-cookie: a=b"},
        {"head": "\u2028"},
        {"status": 99},
        {"status": "1e3"},
    ):
        answer = sender.post(url, json={**sent, **wrong, "key": ""})
        assert (answer.status_code, "set-cookie" in answer.headers) == (500, False), wrong
    for name in ("Connection", "set-cookie", "Content-Length", "Transfer-Encoding", "x-frame-options",
                 "content-security-policy", "a b", "clear-site-data", "www-authenticate"):  # fmt: skip
        bad = {**end, "answer": {"headers": {name: "1"}}}
        saved = owner.post("/api/workflows", json={**nothing_to_do("bad"), "steps": [bad]})
        assert (saved.status_code, "answer.headers" in saved.text) == (400, True), name
    owner.post("/api/workflows", json={**nothing_to_do("slow"), "steps": [
        {"id": "wait", "type": "wait", "duration": "1h"}, {"id": "end", "type": "end-flow"}],
        "initialStep": "wait", "edges": [{"from": "wait", "to": "end"}]}).raise_for_status()  # fmt: skip
    url = put(owner, "slow", workflowId="slow", respond="result", wait="100ms")["url"]
    late = sender.post(url, json={})
    assert late.status_code == 202
    assert owner.get(f"/api/workflow/status/{late.json()['runId']}").json()["status"] == "running"


@pytest.mark.data_folder
def test_a_request_sends_a_signal(owner: httpx.Client, sender: httpx.Client) -> None:
    waits = {"id": "w", "type": "wait-for-signal", "signal": "paid", "key": "{{ data.order }}",
             "output": {"sum": {"type": "number", "value": "{{ signal.data.sum }}"}}}  # fmt: skip
    owner.post("/api/workflows", json={
        **nothing_to_do("waits"), "steps": [waits, {"id": "end", "type": "end-flow"}],
        "initialStep": "w", "edges": [{"from": "w", "to": "end"}]}).raise_for_status()  # fmt: skip
    run = owner.post("/api/workflow/start-async/waits", json={"data": {"order": "17"}}).json()[
        "runId"
    ]
    settled(owner, run, "paused")
    url = put(owner, "paid", workflowId=None, signal={"name": "paid", "key": "{{ request.body.order }}"},
              idempotencyKey="{{ request.body.id }}")["url"]  # fmt: skip
    sent = sender.post(url, json={"order": 17, "sum": 9, "id": "e1"}).json()
    assert sent["runId"] == run
    assert settled(owner, run, "completed")["data"]["sum"] == 9
    assert sender.post(url, json={"order": 17, "sum": 9, "id": "e1"}).json()["duplicate"] is True
    assert owner.get("/api/signals").json()["signals"] == []


def test_the_newest_requests_are_stored_and_can_be_fired_again(
    owner: httpx.Client, sender: httpx.Client
) -> None:
    url = put(
        owner, "kept", workflowId="takes", idempotencyKey="{{ request.body.id }}", perSecond=100
    )["url"]
    owner.put("/api/secrets/IN_BODY", json={"value": "canary-in-a-body"}).raise_for_status()
    for number in range(55):
        sender.post(url, json={"amount": number, "id": number, "s": "canary-in-a-body"})
    found = owner.get("/api/triggers/kept/firings?limit=100").json()["firings"]
    assert len(found) == 50
    place = f"/api/triggers/kept/firings/{found[0]['key']}"
    shown = owner.get(place).json()
    assert json.loads(shown["body"]) == {"amount": 54, "id": 54, "s": "***"}
    assert (shown["method"], shown["replayable"]) == ("POST", True)
    again = owner.post(f"{place}/replay")
    assert again.status_code == 202, again.text
    assert again.json()["runId"] not in {item["runId"] for item in found}
    assert settled(owner, again.json()["runId"])["data"]["amount"] == 54
    newest = owner.get("/api/triggers/kept").json()["lastFiring"]
    assert (newest["outcome"], newest["message"]) == ("started", f"{found[0]['key']} again")
    sender.post(url, json={"amount": 1, "id": "long", "x": "y" * 70_000})
    key = owner.get("/api/triggers/kept").json()["lastFiring"]["key"]
    assert owner.get(f"/api/triggers/kept/firings/{key}").json()["body"] is None
    assert owner.post(f"/api/triggers/kept/firings/{key}/replay").status_code == 409
    assert owner.post("/api/triggers/kept/firings/req_none/replay").status_code == 404


def test_addresses_are_rotated_paused_and_deleted(
    owner: httpx.Client, sender: httpx.Client, shared: Server
) -> None:
    url = put(owner, "moved")["url"]
    assert put(owner, "moved", note="changed")["url"] == url
    assert sender.post(url, json={}).status_code == 202
    moved = owner.post("/api/triggers/moved/rotate").json()["url"]
    assert [sender.post(at, json={}).status_code for at in (url, moved)] == [404, 202]
    owner.post("/api/triggers/moved/pause").raise_for_status()
    assert sender.post(moved, json={}).status_code == 503
    owner.post("/api/triggers/moved/resume").raise_for_status()
    assert sender.post(moved, json={}).status_code == 202
    with shared.client("viewer") as viewer:
        assert viewer.get("/api/triggers/moved").json()["url"] is None
    with shared.client(tenant="other") as other:
        assert other.get("/api/triggers").json() == []
        assert other.get("/api/triggers/moved").status_code == 404
    owner.delete("/api/workflows/any").raise_for_status()
    assert sender.post(moved, json={}).status_code == 503
    assert "archived" in str(firings(owner, "moved")[0][1])
    owner.post("/api/workflows/any/unarchive").raise_for_status()
    owner.delete("/api/triggers/moved").raise_for_status()
    assert sender.post(moved, json={}).status_code == 404
    assert moved.rpartition("/")[2] not in shared.log.read_text()


def _key(number: int) -> str:
    return base64.b64encode(bytes([number]) * 32).decode()


KEYS: list[dict[str, str]] = [
    {"STEPWELL_SECRETS_KEY": new, "STEPWELL_SECRETS_OLD_KEYS": old}
    for new, old in ((_key(2), _key(1)), (_key(2), ""), (_key(1), _key(2)))
]
"""Settings for each start: the sealing key changes, and then the old key is removed."""


def test_accepted_requests_survive_a_kill_and_count_once(tmp_path: Path) -> None:
    with Server(tmp_path / "data", PLUGIN, **KEYS[2]) as server:
        with server.client() as client:
            client.post("/api/workflows", json=nothing_to_do("any")).raise_for_status()
            url = put(client, "killed", idempotencyKey="{{ request.body.id }}")["url"]
        accepted: dict[int, str] = {}
        for kill in range(3):
            with httpx.Client(verify=TRUST) as sender:
                accepted[60 * kill] = sender.post(url, json={"id": 60 * kill}).json()["runId"]
                killer = threading.Timer(0.1, server.kill)
                killer.start()
                for number in range(60 * kill + 1, 60 * kill + 60):
                    try:
                        answer = sender.post(url, json={"id": number})
                    except httpx.TransportError:
                        break
                    accepted[number] = answer.json()["runId"]
            killer.join()
            server.environment |= KEYS[kill]
            server.start()
        with httpx.Client() as sender, server.client() as client:
            assert client.get("/api/triggers/killed").json()["url"] == url
            again = {number: sender.post(url, json={"id": number}).json() for number in accepted}
            assert {number: item["runId"] for number, item in again.items()} == accepted
            assert all(item["duplicate"] for item in again.values())
            last = sender.post(url, json={"id": "last"}).json()["runId"]
            assert last not in accepted.values()
            assert settled(client, last)["status"] == "completed"
        assert len(accepted) > 3


@pytest.mark.parametrize(
    ("body", "path", "reported"),
    [
        ({"on": "full moon"}, "on", "request, form"),
        ({"verify": None}, "verify", "must be an object"),
        ({"verify": {"preset": "github"}}, "verify.secret", "required with github"),
        ({"verify": {"preset": "hmac", "secret": "A"}}, "verify.header", "required with hmac"),
        ({"verify": {"preset": "none", "secret": "A"}}, "verify.secret", "cannot be used"),
        ({"verify": {"preset": "github", "secret": "A", "header": "x"}}, "verify.header", "cannot be used"),
        ({"verify": {"preset": "hmac", "secret": "A", "header": "x", "tolerance": "1m"}},
         "verify.tolerance", "needs a timestampHeader"),
        ({"signal": {"name": "x"}}, "signal", "excludes workflowId"),
        ({"workflowId": None, "version": "latest", "signal": {"name": "x"}}, "signal",
         "version has no effect"),
        ({"workflowId": None, "signal": {"name": "x", "to": "all", "keepFor": "2h"}}, "signal.to",
         "excludes keepFor"),
        ({"workflowId": None}, "workflowId", "unless there is a signal"),
        ({"workflowId": "nowhere"}, "workflowId", "no workflow"),
        ({"when": "data.x == 1"}, "when", "may name request"),
        ({"when": "request.body ="}, "when", "expression"),
        ({"data": {"a": "{{ secrets.A }}"}}, "data", "secret"),
        ({"workflowId": "takes", "data": {"who": "x"}}, "data.amount", "required"),
        ({"respond": "200", "wait": "1s"}, "wait", "only if"),
        ({"perSecond": 0}, "perSecond", "must be at least 0.1"),
        ({"idempotancyKey": "x"}, "idempotancyKey", "did you mean idempotencyKey"),
    ],
)  # fmt: skip
def test_problems_of_a_trigger_are_reported_by_field(
    owner: httpx.Client, body: dict[str, Any], path: str, reported: str
) -> None:
    right = {"workflowId": "any", "verify": {"preset": "none"}}
    answer = owner.put("/api/triggers/wrong", json={**right, **body})
    assert answer.status_code == 400, answer.text
    assert any(
        item["path"] == path and reported in item["message"] for item in answer.json()["details"]
    ), answer.text
    assert owner.get("/api/triggers/wrong").status_code == 404
