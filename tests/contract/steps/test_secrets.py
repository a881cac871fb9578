"""Secrets are sent where configured and never shown, against a server that echoes requests."""

import base64
import json
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.harness import processes
from tests.harness.echo import Echo
from tests.harness.processes import command
from tests.harness.server import Server

CANARY = 'canary-"7/2+x&y \\-' + secrets.token_urlsafe(24)
PLACES: dict[str, dict[str, Any]] = {
    "header": {"headers": {"x-api-key": "key {{ secrets.TOKEN }}"}},
    "query": {"query": {"q": "{{ secrets.TOKEN }}"}},
    "basic": {"auth": {"type": "basic", "username": "someone", "password": "{{ secrets.TOKEN }}"}},
    "bearer": {"auth": {"type": "bearer", "token": "{{ secrets.PLAIN }}"}},
    "body": {"body": {"deep": [{"token": "{{ secrets.TOKEN }}"}]}},
    "form": {"form": {"token": "{{ secrets.TOKEN }}"}},
    "text": {"text": "token={{ secrets.TOKEN }};"},
}
PLAIN = "plain-" + secrets.token_urlsafe(24)


def forms(value: str) -> set[bytes]:
    """Return what must not appear: the value and its encoded forms."""
    found = {value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1]}
    found |= {json.dumps(value, ensure_ascii=False)[1:-1], value[-20:]}
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + value.encode()).decode()
        found |= {whole[4:-4], whole[4:-4].replace("+", "-").replace("/", "_")}
    return {item.encode() for item in found}


def assert_nowhere(*texts: bytes) -> None:
    for text in texts:
        for value in (CANARY, PLAIN):
            assert not [form for form in forms(value) if form in text]


def assert_not_kept(server: Server) -> None:
    kept = [item.read_bytes() for item in server.data.iterdir() if item.is_file()]
    assert_nowhere(*kept, server.log.read_bytes())


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with Echo() as running:
        yield running


@pytest.fixture
def loud(server: Server) -> Server:
    """Return a server that logs at level debug and has the secrets."""
    server.kill()
    server.environment["STEPWELL_LOG_LEVEL"] = "debug"
    server.start()
    with server.client() as client:
        for name, value in (("TOKEN", CANARY), ("PLAIN", PLAIN)):
            assert client.put(f"/api/secrets/{name}", json={"value": value}).status_code == 201
    return server


def run(client: httpx.Client, step: dict[str, Any]) -> httpx.Response:
    """Create a workflow with one call, start it, and return the answer."""
    document = {
        "name": "Calls", "initialStep": "call",
        "steps": [
            {"id": "call", "type": "call-api", "method": "POST", "retry": {"maxAttempts": 1}, **step},
            {"id": "end", "type": "end-flow", "result": {"all": "{{ steps }}"}},
        ],
        "edges": [{"from": "call", "to": "end"}],
    }  # fmt: skip
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text
    return client.post(f"/api/workflow/start/{made.json()['id']}", json={"data": {}})


@pytest.mark.data_folder
def test_echoed_requests_show_no_secret(loud: Server, echo: Echo) -> None:
    with loud.client() as client:
        for setting in PLACES.values():
            echo.seen.clear()
            for status, expected in ((200, "completed"), (500, "failed")):
                answer = run(client, {"url": f"{echo.address}/{status}", **setting})
                assert answer.json()["status"] == expected, answer.text
                shown = client.get(f"/api/workflow/status/{answer.json()['runId']}")
                assert_nowhere(answer.content, shown.content)
                assert "***" in shown.text
            sent = json.dumps(echo.seen, ensure_ascii=False)
            assert CANARY[:6] in sent or PLAIN in sent or "auth" in setting
    assert (loud.data / "journal.sqlite3-wal").stat().st_size
    assert_not_kept(loud)
    loud.terminate()
    assert_not_kept(loud)


def test_the_value_of_the_secret_is_sent(loud: Server, echo: Echo) -> None:
    with loud.client() as client:
        echo.seen.clear()
        run(client, {"url": echo.address, **PLACES["basic"]})
        run(client, {"url": echo.address, **PLACES["body"]})
    basic, body = echo.seen
    pair = base64.b64decode(basic["headers"]["authorization"].removeprefix("Basic "))
    assert pair.decode() == f"someone:{CANARY}"
    assert json.loads(body["body"]) == {"deep": [{"token": CANARY}]}


def test_a_missing_secret_fails_the_step_and_the_message_says_how_to_create_it(
    shared: Server, echo: Echo
) -> None:
    step = {"url": echo.address, "headers": {"x": "{{ secrets.LATER }}"}}
    with shared.client() as client:
        error = run(client, step).json()["error"]
        assert error["type"] == "UnknownSecret"
        assert "PUT /api/secrets/LATER" in error["message"]
        client.put("/api/secrets/LATER", json={"value": "now it does"})
        assert run(client, step).json()["status"] == "completed"
        assert client.delete("/api/secrets/LATER").json() == {"success": True, "name": "LATER"}
        assert run(client, step).json()["error"]["type"] == "UnknownSecret"
        gone = client.delete("/api/secrets/LATER")
        assert (gone.status_code, gone.json()["error"]) == (404, "Secret not found")


def test_only_names_and_times_of_secrets_are_shown(shared: Server) -> None:
    with shared.client("admin", "shows") as client:
        made = client.put("/api/secrets/ONE", json={"value": CANARY})
        again = client.put("/api/secrets/ONE", json={"value": PLAIN})
        listed = client.get("/api/secrets")
        assert (made.status_code, again.status_code) == (201, 200)
        assert set(made.json()) == {"name", "createdAt", "updatedAt"}
        assert listed.json() == [again.json()]
        assert_nowhere(made.content, again.content, listed.content)
    with shared.client("admin", "others") as client:
        assert client.get("/api/secrets").json() == []
        assert client.delete("/api/secrets/ONE").status_code == 404


@pytest.mark.parametrize("role", ["editor", "operator", "viewer"])
def test_secrets_are_for_admins(shared: Server, role: str) -> None:
    with shared.client(role) as client:
        for answer in (
            client.get("/api/secrets"),
            client.put("/api/secrets/A", json={"value": CANARY}),
            client.delete("/api/secrets/A"),
        ):
            assert answer.status_code == 403
            assert_nowhere(answer.content)


QUOTED = json.dumps(CANARY)
WRONG = [
    QUOTED, f"[{QUOTED}]", f'{{"value": [{QUOTED}]}}', f'{{"value": {{"a": {QUOTED}}}}}', "{}",
    f'{{"value": {QUOTED}, "more": {QUOTED}}}', f'{{"value": {QUOTED}', f"{{{QUOTED}: 1, {QUOTED}: 2}}",
    f'{{"value": "{"x" * 65_530}{CANARY[8:11]}xxxx"}}', '{"value": ""}', f'{{"value": 1{"234" * 9}}}',
    f'{{"value": "\\ud800", "a": {QUOTED}}}', f'{{"value": {QUOTED}}} {QUOTED}',
]  # fmt: skip


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_an_error_does_not_repeat_a_wrong_body(shared: Server, body: str) -> None:
    with shared.client() as client:
        answer = client.put(
            "/api/secrets/A", content=body.encode(), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 400, answer.text
    assert "234234" not in answer.text
    assert_nowhere(answer.content, shared.log.read_bytes())


@pytest.mark.parametrize("name", ["1A", "a-b", "a.b", "%C3%A4", "a" * 129, "a%20b", "a%0a"])
def test_a_name_must_fit_an_expression(shared: Server, name: str) -> None:
    with shared.client() as client:
        answer = client.put(f"/api/secrets/{name}", json={"value": CANARY})
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (400, "name")


def test_a_definition_may_not_show_secrets(shared: Server) -> None:
    document = {
        "name": "Shows", "initialStep": "end",
        "steps": [{"id": "end", "type": "end-flow", "result": {"a": "{{ secrets.TOKEN }}"}}],
    }  # fmt: skip
    with shared.client() as client:
        answer = client.post("/api/workflows", json=document)
    assert answer.status_code == 400
    assert "where a step calls out" in answer.json()["message"]


def refused_start(server: Server) -> str:
    place = ("--data", server.data, "--port", server.port)
    shown = processes.run("serve", *place, environment=server.environment)
    assert shown.returncode == 1
    assert "Traceback" not in shown.stderr
    return shown.stderr


def test_a_missing_or_different_sealing_key_refuses_the_start_with_instructions(
    loud: Server, echo: Echo
) -> None:
    loud.terminate()
    file = loud.data / "secrets.key"
    kept = file.read_text()
    file.unlink()
    assert "put" in refused_start(loud)
    assert not file.exists()
    loud.environment["STEPWELL_SECRETS_KEY"] = base64.b64encode(bytes(32)).decode()
    assert "STEPWELL_SECRETS_OLD_KEYS" in refused_start(loud)
    loud.environment["STEPWELL_SECRETS_OLD_KEYS"] = kept
    loud.start()
    loud.terminate()
    del loud.environment["STEPWELL_SECRETS_OLD_KEYS"]
    loud.start()
    with loud.client() as client:
        run(client, {"url": echo.address, **PLACES["body"]})
    assert json.loads(echo.seen[-1]["body"]) == {"deep": [{"token": CANARY}]}


def set_secret(server: Server, name: str, value: str) -> None:
    place = ("--data", server.data, "--tenant", "acme")
    processes.run("secret", "set", name, *place, given=value).check_returncode()


@pytest.mark.data_folder
def test_the_command_line_stores_secrets_with_and_without_a_server(
    server: Server, echo: Echo
) -> None:
    arguments = ("--data", server.data, "--tenant", "acme")
    set_secret(server, "TOKEN", CANARY + "\n")
    with server.client() as client:
        run(client, {"url": echo.address, **PLACES["body"]})
    assert json.loads(echo.seen[-1]["body"]) == {"deep": [{"token": CANARY}]}
    server.terminate()
    set_secret(server, "LONG", "ü" * 32_768)
    listed = command("secret", "list", *arguments)["secrets"]
    assert [item["name"] for item in listed] == ["LONG", "TOKEN"]
    assert command("secret", "delete", "LONG", *arguments) == {"deleted": "LONG"}
    unknown = processes.run("secret", "delete", "LONG", *arguments)
    assert "there is no secret 'LONG'" in unknown.stderr
    server.start()
    with server.client() as client:
        assert [item["name"] for item in client.get("/api/secrets").json()] == ["TOKEN"]
    assert_not_kept(server)


@pytest.mark.data_folder
def test_jwt_secrets_are_sealed_and_verify_tokens_after_a_restart(server: Server) -> None:
    import time

    import jwt

    made = command("jwt-secret", "create", "--data", server.data, "--tenant", "acme")
    server.terminate()
    assert made["secret"].encode() not in (server.data / "journal.sqlite3").read_bytes()
    server.start()
    claims = {"sub": "ada", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, made["secret"], "HS256", {"kid": made["kid"]})
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.get(f"{server.address}/api/workflows", headers=headers)
    assert answer.status_code == 200
