"""Secrets never leak: the canary in each is absent from files, log, answers and config."""

import base64
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest

from tests.harness import processes
from tests.harness.echo import Echo
from tests.harness.model_server import ModelServer, Reply
from tests.harness.processes import command
from tests.harness.server import Server, settled

PLUGIN = Path(__file__).parents[1] / "harness" / "plugin.py"
STEP = "canary-step-1f0c9d7e5b3a"
MODEL = "canary-model-8a7b6c5d4e3f"
OPERATOR = "canary-operator-0a9b8c7d6e5f"
SMTP = "canary-smtp-1a2b3c4d5e6f"
S3 = "canary-s3-6f5e4d3c2b1a"
MCP = "canary-mcp-123456abcdef"
PERSON = "canary.person@example.com"
SEALING = base64.b64encode(b"canary-sealing-key-of-32-bytes!!").decode()
SECRETS = [STEP, MODEL, OPERATOR, SMTP, S3, MCP, SEALING]

ENVIRONMENT = {
    "STEPWELL_LOG_LEVEL": "debug",
    "STEPWELL_SECRETS_KEY": SEALING,
    "STEPWELL_SMTP_HOST": "127.0.0.1",
    "STEPWELL_SMTP_PORT": "1",
    "STEPWELL_SMTP_USERNAME": "someone",
    "STEPWELL_SMTP_PASSWORD": SMTP,
    "STEPWELL_S3_ACCESS_KEY": "access",
    "STEPWELL_S3_SECRET_KEY": S3,
    "STEPWELL_MCP_SERVERS": json.dumps(
        {
            "off": {"command": "/does/not/exist", "env": {"TOKEN": MCP}},
            "away": {"url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": MCP}},
        }
    ),
    "CANARY_MODEL_KEY": OPERATOR,
}


def forms(value: str) -> set[bytes]:
    whole = base64.b64encode(value.encode())
    return {
        value.encode(),
        quote(value, safe="").encode(),
        whole[:-4],
        value[4:].encode(),
        value.encode().hex().encode(),
    }


class Place:
    """A server that holds canaries, and every answer that it has sent."""

    def __init__(self, server: Server, signing: dict[str, str]) -> None:
        self.server = server
        self.signing = signing
        self.said: dict[str, bytes] = {}
        self.tokens: list[str] = []

    def token(self, **claims: Any) -> str:
        whole = {"sub": "ada", "exp": int(time.time()) + 600, **claims}
        token = jwt.encode(whole, self.signing["secret"], "HS256", {"kid": self.signing["kid"]})
        self.tokens.append(token)
        return token

    def ask(self, client: httpx.Client, method: str, path: str, **sent: Any) -> httpx.Response:
        answer = client.request(method, path, **sent)
        self.said[f"{method} {path} #{len(self.said)}"] = (
            str(answer.headers).encode() + answer.content
        )
        return answer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with (
        Echo() as echo,
        ModelServer(
            lambda asked: Reply(f"bad key {asked.headers.get('authorization')}", status=401)
        ) as models,
    ):
        named = {
            "provider": "openai",
            "model": "m",
            "baseUrl": models.openai,
            "keyEnv": "CANARY_MODEL_KEY",
        }
        environment = {**ENVIRONMENT, "STEPWELL_MODELS": json.dumps({"operators": named})}
        with Server(tmp_path_factory.mktemp("canaries") / "data", PLUGIN, **environment) as server:
            at = ("--data", server.data, "--tenant", "acme")
            made = Place(server, command("jwt-secret", "create", *at, "--role", "owner"))
            live(made, echo.address, models.openai)
            assert STEP in str(echo.seen)
            assert {MODEL, OPERATOR} <= {
                item.headers["authorization"].removeprefix("Bearer ") for item in models.requests
            }
            yield made


def live(place: Place, echo: str, models: str) -> None:
    """Use every secret at least once, in requests that succeed and in requests that fail."""
    with place.server.client() as client:
        for name, value in (("TOKEN", STEP), ("model-key".replace("-", "_"), MODEL)):
            place.ask(client, "PUT", f"/api/secrets/{name}", json={"value": value})
        own = {"provider": "openai", "model": "m", "baseUrl": models, "secret": "model_key"}
        place.ask(client, "PUT", "/api/models/own", json=own)
        calls: list[dict[str, Any]] = [
            {"type": "call-api", "method": "POST", "url": f"{echo}/{status}", **more}
            for status in (200, 500)
            for more in (
                {"headers": {"x-key": "{{ secrets.TOKEN }}"}}, {"query": {"q": "{{ secrets.TOKEN }}"}},
                {"body": {"a": ["{{ secrets.TOKEN }}"]}}, {"form": {"a": "{{ secrets.TOKEN }}"}},
                {"text": "<{{ secrets.TOKEN }}>"}, {"multipart": {"a": "{{ secrets.TOKEN }}"}},
                {"auth": {"type": "basic", "username": "me", "password": "{{ secrets.TOKEN }}"}},
                {"auth": {"type": "bearer", "token": "{{ secrets.TOKEN }}"}},
                {"auth": {"type": "header", "name": "x-key", "value": "{{ secrets.TOKEN }}"}},
            )
        ]  # fmt: skip
        calls += [
            {"type": "call-api", "url": "http://{{ secrets.TOKEN }}.invalid/"},
            {"type": "call-api", "url": "http://me:{{ secrets.TOKEN }}@127.0.0.1:1/"},
            {"type": "call-api", "url": "http://127.0.0.1:{{ secrets.TOKEN }}/"},
            {"type": "call-api", "url": "{{ secrets.TOKEN }}"},
            {"type": "call-api", "url": f"{echo}/200", "headers": {"x": "{{ secrets.TOKEN ~ '\\n' }}"}},
            {"type": "call-api", "url": f"{echo}/200", "headers": {"x": "{{ secrets.TOKEN + 1 }}"}},
            {"type": "call-tool", "toolId": "add", "inputs": {"a": "{{ secrets.TOKEN }}"}},
            {"type": "call-tool", "toolId": "transform", "inputs": {"x": "{{ secrets.TOKEN }}"}},
            {"type": "call-tool", "toolId": "send-email", "inputs": {"to": "a@b.c", "from": "a@b.c", "subject": "{{ secrets.TOKEN }}", "text": "x"}},
            {"type": "call-tool", "toolId": "off.tool", "inputs": {}},
            {"type": "call-llm", "model": "own", "prompt": "hi", "output": {"x": {"type": "string"}}},
            {"type": "call-llm", "model": "operators", "prompt": "hi", "output": {"x": {"type": "string"}}},
        ]  # fmt: skip
        statuses = [run(place, client, {"retry": {"maxAttempts": 1}, **step}) for step in calls]
        assert statuses.count("completed") >= 10
        assert statuses.count("failed") >= 15
        for path in (
            "/openapi.json",
            "/docs",
            "/api/secrets",
            "/api/models",
            "/api/tools",
            "/api/workflows",
            "/api/workflow/runs",
        ):
            place.ask(client, "GET", path)
        key = place.server.key()
        place.ask(client, "GET", f"/api/workflow/status/{STEP}", headers={"x-request-id": "a" * 8})
        place.ask(
            client,
            "PUT",
            "/api/secrets/TOKEN",
            content=b'{"value": "' + STEP.encode() + b'"',
            headers={"content-type": "application/json"},
        )
        client.get("/api/workflows", params={"search": key})
        client.get(f"/api/{key}")
        client.get("/api/workflows", headers={"x-api-key": key + "x"})
    for token in (place.token(), place.token(exp=1), place.token() + "x"):
        httpx.get(
            f"{place.server.address}/api/workflows", headers={"authorization": f"Bearer {token}"}
        )
    person(place)


def run(place: Place, client: httpx.Client, step: dict[str, Any]) -> str:
    document = {
        "name": "Uses", "initialStep": "call",
        "steps": [{"id": "call", **step}, {"id": "end", "type": "end-flow", "result": {"all": "{{ steps }}"}}],
        "edges": [{"from": "call", "to": "end"}],
    }  # fmt: skip
    made = place.ask(client, "POST", "/api/workflows", json=document)
    if made.status_code == 400:
        return "refused"
    begun = place.ask(client, "POST", f"/api/workflow/start/{made.json()['id']}", json={})
    place.ask(client, "GET", f"/api/workflow/status/{begun.json()['runId']}")
    return str(begun.json()["status"])


def person(place: Place) -> None:
    """Send a person's data in a file, in a refused and an accepted answer, and in a search."""
    flow = {
        "name": "Person", "initialStep": "ask",
        "steps": [
            {"id": "ask", "type": "collect-inputs", "output": {"mail": {"type": "string"}}},
            {"id": "tool", "type": "call-tool", "toolId": "explode", "inputs": {"mail": "{{ data.mail }}"}},
            {"id": "end", "type": "end-flow"},
        ],
        "edges": [{"from": "ask", "to": "tool"}, {"from": "tool", "to": "end"}],
    }  # fmt: skip
    with place.server.client() as client:
        client.post("/api/workflows", json=flow)
        form = {"attachment": (f"{PERSON}.txt", PERSON.encode())}
        begun = client.post("/api/workflow/start/person", files=form, data={"note": PERSON}).json()
        wrong = {"type": "collect_inputs", "data": {"mail": [PERSON]}}
        assert client.post(f"/api/workflow/resume/{begun['runId']}", json=wrong).status_code == 400
        right = {"type": "collect_inputs", "data": {"mail": PERSON}}
        assert client.post(f"/api/workflow/resume/{begun['runId']}", json=right).status_code == 200
        assert settled(client, begun["runId"])["status"] == "failed"
        client.get("/api/workflows", params={"search": PERSON})


def nowhere(values: list[str], texts: dict[str, bytes]) -> list[tuple[str, str]]:
    return [
        (value, name)
        for name, text in texts.items()
        for value in values
        if any(form in text for form in forms(value))
    ]


def files_of(server: Server) -> dict[str, bytes]:
    return {
        str(file.relative_to(server.data)): file.read_bytes()
        for file in server.data.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("value", SECRETS)
def test_the_search_finds_each_encoding_of_a_secret(value: str) -> None:
    for form in (value.encode(), quote(value, safe="").encode(), base64.b64encode(value.encode()), value.encode().hex().encode()):  # fmt: skip
        assert nowhere([value], {"here": b"before " + form + b" after"}) == [(value, "here")]


def test_no_answer_shows_a_secret(place: Place) -> None:
    assert len(place.said) > 60
    assert b"***" in b"".join(place.said.values())
    # An error message may repeat what the client itself put into the address.
    own = {name: text for name, text in place.said.items() if "/status/canary" not in name}
    assert nowhere([*SECRETS, place.signing["secret"], place.server.key()], own) == []


@pytest.mark.data_folder
def test_no_file_holds_a_secret_while_the_server_runs_or_afterwards(place: Place) -> None:
    secrets = [*SECRETS, place.signing["secret"], place.server.key(), *place.tokens]
    kept = files_of(place.server)
    assert len(kept["journal.sqlite3-wal"]) > 100_000
    assert nowhere(secrets, kept) == []
    assert place.server.terminate() == 0
    assert nowhere(secrets, files_of(place.server)) == []
    place.server.start()


def test_the_log_shows_no_secret_and_no_personal_data(place: Place) -> None:
    log = {"log": place.server.log.read_bytes()}
    assert log["log"].count(b"\n") > 100
    assert b'"level": "debug"' in log["log"]
    assert (
        nowhere([*SECRETS, place.signing["secret"], place.server.key(), *place.tokens, PERSON], log)
        == []
    )


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_config_command_shows_no_secret(place: Place, options: list[str]) -> None:
    environment = {**os.environ, **place.server.environment}
    shown = processes.run("config", *options, environment=environment)
    shown.check_returncode()
    assert "smtp_password" in shown.stdout
    said = {"out": shown.stdout.encode(), "err": shown.stderr.encode()}
    assert nowhere(SECRETS, said) == []


@pytest.mark.parametrize(
    "name", ["smtp_pasword", "smtp_port", "models", "mcp_servers", "secrets_key", "default_model_"]
)
def test_an_invalid_setting_is_named_but_its_value_is_not_shown(place: Place, name: str) -> None:
    environment = {
        **os.environ,
        **place.server.environment,
        f"STEPWELL_{name.upper()}": "canary-wrong-value",
    }
    for arguments in (
        ["config"],
        ["serve", "--port", "0", "--data", str(place.server.data.parent / "other")],
    ):
        shown = processes.run(*arguments, environment=environment)
        assert "Traceback" not in shown.stderr
        assert "canary-wrong-value" not in shown.stderr + shown.stdout
        # Only the server checks the format of the sealing key; `config` does not.
        if (name, arguments) != ("secrets_key", ["config"]):
            assert shown.returncode == 1
            assert name in shown.stderr


def test_lists_on_the_command_line_show_no_secret(place: Place) -> None:
    for what in ("key", "jwt-secret", "secret"):
        listed = json.dumps(command(what, "list", "--data", place.server.data, "--tenant", "acme"))
        assert (
            nowhere(
                [*SECRETS, place.signing["secret"], place.server.key()], {what: listed.encode()}
            )
            == []
        )
