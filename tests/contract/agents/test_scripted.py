"""Scripted models, over HTTP and for `stepwell run`."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.agents import OUTPUT, flow
from tests.harness.processes import run
from tests.harness.server import Server
from tests.harness.workflows import create, start, status, straight

SCRIPTS: list[Any] = [
    {"when": "asked.agent == 'clerk'", "answers": [
        {"calls": [{"tool": "add", "arguments": {"a": "{{ asked.turn }}", "b": 2}}]},
        {"output": {"answer": "{{ asked.results[0].sum + 40 }}"}, "inputTokens": 7, "outputTokens": 3},
    ]},
    {"when": "'secret' in asked.message", "answers": [
        {"error": {"type": "Refused", "message": "not that", "retryable": False}},
    ]},
    {"when": "asked.first == 'once'", "answers": [{"text": "one"}]},
    {"when": "'department' in asked.system or 'department' in asked.message",
     "answers": [{"text": "Hm."}, {"output": {"department": "{{ asked.first | upper }}"}}]},
]  # fmt: skip


def scripted(client: httpx.Client, **more: Any) -> httpx.Response:
    model = {"provider": "scripted", "model": "script", "scripts": SCRIPTS, **more}
    return client.put("/api/models/scripted", json=model)


def test_a_script_answers_agents_and_steps(shared: Server) -> None:
    with shared.client() as client:
        made = scripted(client, prices={"input": 1_000_000, "output": 1_000_000})
        assert made.status_code == 200, made.text
        assert made.json()["scripts"][0]["answers"][0]["calls"][0]["tool"] == "add"
        agent = {"id": "clerk", "name": "Clerk", "instructions": "Work.", "model": "scripted",
                 "tools": ["add"], "output": OUTPUT}  # fmt: skip
        assert client.post("/api/agents", json=agent).status_code == 201
        outcome = start(client, flow(client, "clerk"), q="1")
        (visit, _) = status(client, outcome["runId"])["stepExecutionHistory"]
        assert visit["outputData"] == {"answer": 43}
        last = visit["calls"][-1]
        assert (last["inputTokens"], last["outputTokens"], last["cost"]) == (7, 3, 10.0)
        assert visit["usage"]["estimated"] == 1, "the first answer says nothing of its tokens"
        step = {"id": "sort", "type": "call-llm", "model": "scripted", "prompt": "{{ data.q }}",
                "output": {"department": {"type": "string"}}}  # fmt: skip
        workflow = create(client, "sorts", [step], straight("sort"))
        assert start(client, workflow, q="department")["data"]["department"] == "DEPARTMENT"
        assert start(client, workflow, q="secret")["error"]["message"] == "not that"
        reported = start(client, workflow, q="else")["error"]
        assert (reported["type"], "no script answers" in reported["message"]) == (
            "ModelRejected",
            True,
        )
        reported = start(client, workflow, q="once")["error"]
        assert "script 3 has 1 answer, and is asked for one more" in reported["message"]


@pytest.mark.parametrize(
    ("wrong", "reported"),
    [
        ({"scripts": []}, "required with provider scripted"),
        ({"provider": "openai"}, "required with provider scripted"),
        ({"secret": "KEY"}, "no secret"),
        ({"scripts": [{"when": "nobody.knows", "answers": [{"text": "a"}]}]}, "nobody"),
        ({"scripts": [{"answers": [{"text": "{{ asked. }}"}]}]}, "asked."),
    ],
)
def test_an_invalid_script_is_refused(shared: Server, wrong: Any, reported: str) -> None:
    with shared.client() as client:
        refused = scripted(client, **wrong)
        assert refused.status_code == 400, refused.text
        assert reported in refused.text


def test_a_workflow_is_run_once_with_scripted_models_and_its_agent(tmp_path: Path) -> None:
    files = {
        "flow.json": {
            "name": "F", "initialStep": "work", "edges": [{"from": "work", "to": "end"}],
            "steps": [{"id": "work", "type": "call-agent", "agentId": "clerk", "message": "Hello"},
                      {"id": "end", "type": "end-flow"}],
        },
        "agent.json": {"id": "clerk", "name": "Clerk", "instructions": "Work."},
    }  # fmt: skip
    for name, document in files.items():
        (tmp_path / name).write_text(json.dumps(document))
    model = {"provider": "scripted", "model": "s", "scripts": [{"answers": [{"text": "Hi."}]}]}
    shown = run(
        "run", tmp_path / "flow.json", "--with", tmp_path / "agent.json",
        "--models-json", json.dumps({"m": model}),
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    (visit, _) = json.loads(shown.stdout)["stepExecutionHistory"]
    assert visit["outputData"] == {"text": "Hi."}
