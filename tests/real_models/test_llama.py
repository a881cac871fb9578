"""A real model server, llama.cpp, with a tiny model: wire formats, grammar, streams, kill -9.

Run by `make model-test` only; STEPWELL_MODEL_PYTHON names the Python that has the server.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.server import Server, settled

PYTHON = os.environ.get("STEPWELL_MODEL_PYTHON")
ROOT = Path(__file__).parents[2]
PROXY_KEY = "sk-for-the-proxy"
pytestmark = pytest.mark.skipif(PYTHON is None, reason="make model-test has the model server")

CITY: dict[str, Any] = {
    "city": {"type": "string", "enum": ["Oslo", "Rome"]}, "sunny": {"type": "boolean"},
}  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A child process with a port, ready when the port answers."""

    def __init__(self, command: list[str], port: int, path: str, log: Path) -> None:
        self.command, self.port, self.path, self.log = command, port, path, log
        self.address = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=ROOT)
        for _ in range(600):
            try:
                if httpx.get(self.address + self.path).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self.child.poll() is None, self.log.read_text()[-2_000:]
            time.sleep(0.1)
        raise AssertionError(self.log.read_text()[-2_000:])

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("llama")
    port = free_port()
    command = [str(PYTHON), "scripts/tiny_model.py", str(folder / "tiny.gguf"), str(port)]
    process = Process(command, port, "/health", folder / "log")
    process.start()
    yield process
    process.kill()


def put_model(client: httpx.Client, name: str, **more: Any) -> None:
    document = {"model": "tiny", "maxTokens": 400, "retries": 0, **more}
    assert client.put(f"/api/models/{name}", json=document).status_code == 200


def put_workflow(client: httpx.Client, name: str, step: dict[str, Any]) -> None:
    document = {
        "id": name, "name": name, "initialStep": "ask", "edges": [{"from": "ask", "to": "end"}],
        "steps": [{"id": "ask", **step}, {"id": "end", "type": "end-flow"}],
    }  # fmt: skip
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text


def start(client: httpx.Client, name: str) -> Any:
    return client.post(f"/api/workflow/start/{name}", json={"data": {}}, timeout=120).json()


@pytest.fixture
def litellm(llama: Process, tmp_path: Path) -> Process:
    command = Path(str(PYTHON)).with_name("litellm")
    if not command.exists():
        pytest.skip("LiteLLM's proxy is not installed")
    model = {"model": "openai/tiny", "api_base": f"{llama.address}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "tiny", "litellm_params": model}],
        "general_settings": {"master_key": PROXY_KEY},
    }
    file, port = tmp_path / "config.yaml", free_port()
    file.write_text(json.dumps(config))
    options = ["--config", str(file), "--port", str(port), "--host", "127.0.0.1"]
    return Process([str(command), *options], port, "/health/liveliness", tmp_path / "log")


def test_a_proxy_works_in_both_wire_formats(shared: Server, litellm: Process) -> None:
    litellm.start()
    try:
        with shared.client() as client:
            client.put("/api/secrets/PROXY", json={"value": PROXY_KEY})
            put_model(client, "by-proxy", provider="openai", baseUrl=f"{litellm.address}/v1",
                      secret="PROXY")  # fmt: skip
            put_workflow(client, "by-proxy", {"type": "call-llm", "model": "by-proxy",
                                              "prompt": "Where?", "output": CITY})  # fmt: skip
            outcome = start(client, "by-proxy")
            assert outcome["status"] == "completed", outcome.get("error")
            assert outcome["data"]["city"] in ("Oslo", "Rome")
            put_model(client, "messages-by-proxy", provider="anthropic", baseUrl=litellm.address,
                      secret="PROXY", maxTokens=20)  # fmt: skip
            put_workflow(client, "messages-by-proxy", {"type": "call-llm", "prompt": "Hi",
                                                       "model": "messages-by-proxy"})  # fmt: skip
            # The proxy reports its own reason for the end of an answer.
            answered = start(client, "messages-by-proxy")
            is_cut = answered["status"] == "failed" and answered["error"]["type"] == "CutOff"
            assert is_cut or answered["status"] == "completed", answered
            litellm.kill()
            litellm.start()
            assert start(client, "by-proxy")["status"] == "completed"
    finally:
        litellm.kill()


@pytest.mark.parametrize("stream", [False, True])
def test_fields_come_from_a_model_constrained_by_a_grammar(
    shared: Server, llama: Process, stream: bool
) -> None:
    name = f"fields-{stream}".lower()
    with shared.client() as client:
        put_model(client, name, provider="openai", baseUrl=f"{llama.address}/v1",
                  stream=stream)  # fmt: skip
        step = {"type": "call-llm", "model": name, "prompt": "Where?", "output": CITY, "repairs": 0}
        put_workflow(client, name, step)
        outcome = start(client, name)
        assert outcome["status"] == "completed", outcome.get("error")
        assert outcome["data"]["city"] in ("Oslo", "Rome")
        assert isinstance(outcome["data"]["sunny"], bool)
        usage = client.get(f"/api/workflow/status/{outcome['runId']}").json()["usage"]
        assert usage["inputTokens"] > 10
        assert "estimated" not in usage, "the server counts, also in a stream"


def test_the_other_wire_format_works_too(shared: Server, llama: Process) -> None:
    with shared.client() as client:
        put_model(client, "messages", provider="anthropic", baseUrl=llama.address,
                  maxTokens=20)  # fmt: skip
        put_workflow(client, "messages", {"type": "call-llm", "model": "messages", "prompt": "Hi"})
        outcome = start(client, "messages")
        # A model of noise never ends an answer: it is cut off, and that is reported.
        assert outcome["error"]["type"] == "CutOff", outcome


@pytest.mark.parametrize("by_proxy", [False, True])
def test_no_answer_is_requested_twice_after_all_processes_are_killed(
    server: Server, llama: Process, by_proxy: bool, request: pytest.FixtureRequest
) -> None:
    proxy: Process | None = request.getfixturevalue("litellm") if by_proxy else None
    if proxy is not None:
        proxy.start()
        request.addfinalizer(proxy.kill)
    retry = {"maxAttempts": 900, "initialInterval": "200ms", "maximumInterval": "500ms"}
    steps: list[Any] = [
        {"id": f"ask-{n}", "type": "call-llm", "model": "local", "prompt": f"Where is {n}?",
         "output": CITY, "repairs": 0, "retry": retry}
        for n in range(8)
    ]  # fmt: skip
    ids = [*(step["id"] for step in steps), "end"]
    document = {
        "id": "asks", "name": "Asks", "initialStep": ids[0],
        "steps": [*steps, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": one, "to": other} for one, other in pairwise(ids)],
    }  # fmt: skip
    with server.client() as client:
        client.put("/api/secrets/PROXY", json={"value": PROXY_KEY})
        where = (proxy or llama).address
        put_model(client, "local", provider="openai", baseUrl=f"{where}/v1", timeout="2m",
                  secret="PROXY")  # fmt: skip
        assert client.post("/api/workflows", json=document).status_code == 201
        run_id = client.post("/api/workflow/start-async/asks", json={"data": {}}).json()["runId"]
    killed: list[Process | Server] = [llama, server, proxy or llama]
    for kill in killed:
        time.sleep(1)
        kill.kill()
        kill.start()
    with server.client() as client:
        shown = settled(client, run_id, "completed", within=300)
        visits = shown["stepExecutionHistory"]
        assert [visit["stepId"] for visit in visits] == ids
        assert [len(visit["calls"]) for visit in visits[:-1]] == [1] * len(steps)
        assert shown["usage"]["calls"] == len(steps)
