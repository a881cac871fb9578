"""Agents take turns until they deliver a result, over HTTP, with a real model server."""

import json
import re
from typing import Any

import httpx
import pytest

from tests.harness.agents import APPROVAL, OUTPUT, agent, flow, turns
from tests.harness.model_server import ModelServer, Reply
from tests.harness.processes import run as command
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, status, straight


def test_an_agent_calls_tools_until_it_delivers(shared: Server) -> None:
    with shared.client() as client, ModelServer(turns(
        Reply("Let me see.", tool_calls=[("add", {"a": 1, "b": 2})]),
        Reply(tool_calls=[("add", {"a": 3, "b": 4}), ("add", {"a": "x"})]),
        Reply(tool_calls=[("deliver", {"answer": "ten"})]),
        Reply(tool_calls=[("deliver", {"answer": 10})]),
    )) as models:  # fmt: skip
        name = agent(client, models, "adder", tools=["add"], output=OUTPUT)
        outcome = start(client, flow(client, name, output=OUTPUT), q="1+2+3+4")
        assert (outcome["status"], outcome["data"]["answer"]) == ("completed", 10), outcome
        document = status(client, outcome["runId"])
        (entry, _) = document["stepExecutionHistory"]
        assert [(call.get("tool"), call.get("ok")) for call in entry["calls"] if "tool" in call] == [
            ("add", True), ("add", True), ("add", False),
        ]  # fmt: skip
        assert document["usage"]["calls"] == 4
        assert document["usage"]["inputTokens"] == 44
        assert entry["usage"]["models"][0]["model"] == "m-2026"
        last = models.requests[-1].body["messages"]
        reported = [message["content"] for message in last if message["role"] == "tool"]
        assert json.loads(reported[0]) == {"sum": 3}
        assert "inputs.a" in reported[2]
        assert "output.answer" in reported[3]


def test_an_agent_may_deliver_json_as_text_and_is_asked_for_it(shared: Server) -> None:
    replies = turns(Reply("It is ten."), Reply('```json\n{"answer": 10}\n```'))
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "talker", output=OUTPUT)
        outcome = start(client, flow(client, name), q="10")
        assert status(client, outcome["runId"])["stepExecutionHistory"][0]["outputData"] == {
            "answer": 10
        }


def test_an_agent_without_output_returns_its_text(shared: Server) -> None:
    with shared.client() as client, ModelServer(Reply("Hello.")) as models:
        name = agent(client, models, "greeter", instructions="Greet {{ inputs.name }}.")
        step = {"inputs": {"name": "{{ data.q }}"}, "output": {"text": {"type": "string"}}}
        outcome = start(client, flow(client, name, **step), q="Ada")
        # An agent without output of its own must deliver the fields of the step.
        assert outcome["status"] == "failed"
        assert outcome["error"]["type"] == "InvalidOutput"
        assert models.requests[0].body["messages"][0]["content"].startswith("Greet Ada.")
        name = agent(client, models, "greeter-2")
        outcome = start(client, flow(client, name), q="Ada")
        assert status(client, outcome["runId"])["stepExecutionHistory"][0]["outputData"] == {
            "text": "Hello."
        }


@pytest.mark.parametrize("kind", ["approved", "changed", "rejected"])
def test_a_call_that_needs_approval_waits_for_a_person(shared: Server, kind: str) -> None:
    replies = turns(
        Reply(tool_calls=[("add", {"a": 1, "b": 2})]),
        Reply(tool_calls=[("deliver", {"answer": 3})]),
    )
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, f"careful-{kind}", tools=APPROVAL, output=OUTPUT)
        outcome = start(client, flow(client, name), q="1+2")
        signal = outcome["pauseSignal"]
        assert (signal["type"], signal["tool"], signal["arguments"]) == (
            "request_user_action",
            "add",
            {"a": 1, "b": 2},
        )
        answer: dict[str, Any] = {"type": "request_user_action", "actionId": signal["actionId"]}
        address = f"/api/workflow/resume/{outcome['runId']}"
        assert client.post(address, json={**answer, "actionValue": "maybe"}).status_code == 400
        answer["actionValue"] = "rejected" if kind == "rejected" else "approved"
        if kind == "changed":
            for wrong, field in (({"a": "lots"}, "data.a"), ({"a": 1, "c": 2}, "data")):
                refused = client.post(address, json={**answer, "data": wrong})
                assert refused.status_code == 400
                assert [item["path"] for item in refused.json()["details"]] == [field]
                assert status(client, outcome["runId"])["pauseSignal"] == signal
            answer["data"] = {"a": 5, "b": 6}
        if kind == "rejected":
            answer["comment"] = "Not today."
        assert client.post(address, json=answer).status_code == 200
        assert settled(client, outcome["runId"])["status"] == "completed"
        assert len(models.requests) == 2, "the first answer was not asked for again"
        edit, _, content = models.requests[1].body["messages"][-1]["content"].rpartition("\n\n")
        assert ('{"a": 5, "b": 6}' in edit) is (kind == "changed")
        calls = status(client, outcome["runId"])["stepExecutionHistory"][0]["calls"]
        edits = [call["arguments"] for call in calls if "arguments" in call]
        assert edits == ([{"a": 5, "b": 6}] if kind == "changed" else [])
        assert json.loads(content) == {
            "approved": {"sum": 3},
            "changed": {"sum": 11},
            "rejected": {"error": {"type": "Rejected", "message": "a person rejected this call: Not today."}},
        }[kind]  # fmt: skip


def test_no_approval_is_asked_for_an_invalid_call(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("add", {"a": "lots"})]),
        Reply(tool_calls=[("default_api.Add", {"a": 1, "b": 2})]),
        Reply(tool_calls=[("deliver", {"answer": 3})]),
    )
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "careless", tools=APPROVAL, output=OUTPUT)
        outcome = start(client, flow(client, name), q="1+2")
        signal = outcome["pauseSignal"]
        assert signal["arguments"] == {"a": 1, "b": 2}
        assert signal["inputSchema"]["required"] == ["a"]
        reported = json.loads(models.requests[1].body["messages"][-1]["content"])
        assert reported["error"]["type"] == "InvalidToolInput"
        assert "arguments.a" in reported["error"]["message"]
        answer = {"type": signal["type"], "actionId": signal["actionId"], "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer)
        settled(client, outcome["runId"], "completed")


def test_a_request_is_retried_after_an_unusable_answer(shared: Server) -> None:
    """Temporary errors inside a 200 and unreadable bodies are retried; permanent errors are not."""
    for number, odd in enumerate((
        b'{"error": {"type": "overloaded_error", "message": "busy"}}', b"<html>hi</html>", b"",
        b'{"choices": []}', b'{"error": {"type": "invalid_request_error", "message": "no"}}',
    )):  # fmt: skip
        with shared.client() as client, ModelServer(Reply(raw=odd), Reply("Here.")) as models:
            name = agent(client, models, f"again-{number}")
            outcome = start(client, flow(client, name), q="?")
            passes = b"invalid" not in odd
            assert outcome["status"] == ("completed" if passes else "failed"), outcome
            assert len(models.requests) == 1 + passes
    with shared.client() as client, ModelServer(Reply(raw=b"")) as models:
        name = agent(client, models, "again")
        patient = {"retry": {"maxAttempts": 2, "initialInterval": "1ms"}}
        assert start(client, flow(client, name, **patient), q="?")["error"]["attempts"] == 2
        assert len(models.requests) == 2, "a step's own policy applies"


def test_an_agent_calls_a_workflow_that_pauses(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("check", {"n": 4})]), Reply(tool_calls=[("deliver", {"answer": 8})])
    )
    with shared.client() as client, ModelServer(replies) as models:
        steps = [
            {"id": "ask", "type": "request-user-action"},
            {"id": "double", "type": "call-tool", "toolId": "add", "output": {"sum": {"type": "integer"}},
             "inputs": {"a": "{{ data.n }}", "b": "{{ data.n }}"}},
        ]  # fmt: skip
        create(
            client,
            "check",
            steps,
            straight("ask", "double"),
            tool=True,
            payload={"n": {"type": "integer"}},
        )
        name = agent(client, models, "delegator", tools=[{"workflow": "check"}], output=OUTPUT)
        outcome = start(client, flow(client, name), q="4*2")
        assert outcome["pauseSignal"]["stepId"] == "ask"
        schema = models.requests[0].body["tools"][0]["function"]["parameters"]
        assert schema["properties"] == {"n": {"type": "integer"}}
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
        assert (
            client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer).status_code == 200
        )
        document = settled(client, outcome["runId"], "completed")
        assert document["stepExecutionHistory"][0]["outputData"] == {"answer": 8}
        reported = json.loads(models.requests[1].body["messages"][-1]["content"])
        assert reported == {"result": {"data": {"n": 4, "sum": 8}}}
        assert len(models.requests) == 2


def test_extra_fields_of_a_tool_call_are_sent_back_to_the_provider(shared: Server) -> None:
    signed = {"google": {"thought_signature": "c2ln"}}
    call = {"id": "c1", "type": "function", "extra_content": signed,
            "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}  # fmt: skip
    said = {"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [call]}
    first = json.dumps({"choices": [{"message": said, "finish_reason": "tool_calls"}]}).encode()
    last = Reply(tool_calls=[("deliver", {"answer": 3})])
    with shared.client() as client, ModelServer(Reply(raw=first), last) as models:
        name = agent(client, models, "signed", tools=APPROVAL, output=OUTPUT)
        outcome = start(client, flow(client, name), q="1+2")
        signal = outcome["pauseSignal"]
        answer = {"type": signal["type"], "actionId": signal["actionId"], "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer)
        document = settled(client, outcome["runId"], "completed")
        reported = models.requests[1].body["messages"][2]
        assert reported["reasoning_content"] == "hm"
        assert reported["tool_calls"][0]["extra_content"] == signed
        assert document["usage"]["estimated"] == 1


def test_an_agent_gets_only_the_shortened_result_of_a_workflow(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("big", {"n": 4})]), Reply(tool_calls=[("deliver", {"answer": 8})])
    )
    with shared.client() as client, ModelServer(replies) as models:
        steps = [{"id": "end", "type": "end-flow", "result": {"lines": "{{ range(data.n * 1000) | list }}"}}]  # fmt: skip
        document = {"name": "big", "initialStep": "end", "steps": steps, "edges": [], "tool": True,
                    "payload": {"n": {"type": "integer"}}}  # fmt: skip
        made = client.post("/api/workflows", json=document)
        assert made.status_code == 201, made.text
        limits = {"maxResult": 1_000}
        name = agent(client, models, "reader", tools=[{"workflow": "big"}], output=OUTPUT, limits=limits)  # fmt: skip
        outcome = start(client, flow(client, name), q="?")
        settled(client, outcome["runId"], "completed")
        content = models.requests[1].body["messages"][-1]["content"]
        reported, _, mark = content.rpartition("\n\n")
        found = json.loads(reported)
        assert list(found) == ["result"]
        assert found["result"]["lines"][0] == 0
        assert "more items" in found["result"]["lines"][-1]
        assert "are left out" in mark
        assert len(content) < 1_500


def test_limits_stop_an_agent(shared: Server) -> None:
    endless = Reply(tool_calls=[("add", {"a": 1})], input_tokens=100, output_tokens=10)
    with shared.client() as client, ModelServer(endless) as models:
        for limits, kind, asked in (
            ({"maxTurns": 3}, "TooManyTurns", 3), ({"maxTokens": 250}, "TokenLimit", 3),
        ):  # fmt: skip
            before = len(models.requests)
            name = agent(client, models, f"endless-{kind.lower()}", tools=["add"], limits=limits)
            assert start(client, flow(client, name), q="?")["error"]["type"] == kind
            assert len(models.requests) - before == asked


def test_a_retry_continues_from_the_last_answer(shared: Server) -> None:
    limited = Reply("slow down", status=429, headers={"retry-after": "0"})
    answers = [
        Reply(tool_calls=[("add", {"a": 1, "b": 2})]),
        limited,
        Reply(tool_calls=[("deliver", {"answer": 3})]),
    ]
    with shared.client() as client, ModelServer(*answers) as models:
        name = agent(client, models, "patient", tools=["add"], output=OUTPUT)
        retry = {"maxAttempts": 3, "initialInterval": "10ms"}
        outcome = start(client, flow(client, name, retry=retry), q="1+2")
        assert outcome["status"] == "completed"
        assert len(models.requests) == 3, "the first turn was asked for once"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(Reply("no", finish="refusal"), "Refused"), (Reply("it is", finish="length"), "CutOff")],
)
def test_a_refused_or_truncated_answer_fails_with_its_own_type(
    shared: Server, reply: Reply, kind: str
) -> None:
    with shared.client() as client, ModelServer(reply) as models:
        name = agent(client, models, f"stubborn-{kind.lower()}")
        assert start(client, flow(client, name), q="?")["error"]["type"] == kind


def test_a_tool_that_does_not_exist_fails_the_step(shared: Server) -> None:
    with shared.client() as client, ModelServer() as models:
        name = agent(client, models, "lost", tools=["ad"])
        error = start(client, flow(client, name), q="?")["error"]
        assert (error["type"], error["attempts"]) == ("UnknownTool", 1)
        assert "did you mean add?" in error["message"]


def test_a_run_keeps_the_version_of_its_agent(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("add", {"a": 1})]), Reply(tool_calls=[("deliver", {"answer": 1})])
    )
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "changing", tools=APPROVAL, output=OUTPUT, instructions="Old.")
        outcome = start(client, flow(client, name), q="?")
        changed = client.put(f"/api/agents/{name}", json={"instructions": "New."})
        assert changed.json()["version"] == "1.0.1"
        signal = outcome["pauseSignal"]
        answer = {"type": signal["type"], "actionId": signal["actionId"], "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer)
        settled(client, outcome["runId"], "completed")
        assert [request.body["messages"][0]["content"][:4] for request in models.requests] == [
            "Old."
        ] * 2


@pytest.mark.parametrize(
    ("approval", "path", "message"),
    [
        (5, "", 'must be true or false, or an object such as {"when": "5"}'),
        ([], "", 'must be true or false, or an object such as {"when": "..."}'),
        ({"when": 5}, ".when", 'must be a text: write "5", in quotes'),
        ({"bool": 1}, ".bool", "is not a known key; known are approvers, deadline, when"),
    ],
)
def test_a_key_that_takes_several_kinds_of_value_has_one_problem(
    shared: Server, approval: object, path: str, message: str
) -> None:
    agent = {"name": "Clerk", "model": "local", "instructions": "Help."}
    with shared.client() as client:
        answer = client.post(
            "/api/agents", json={**agent, "tools": [{"tool": "transform", "approval": approval}]}
        )
        assert answer.json()["details"] == [
            {"path": f"tools[0].approval{path}", "message": message}
        ]


def test_agents_are_checked_versioned_and_archived(shared: Server) -> None:
    with shared.client() as client:
        wrong = {
            "name": "X",
            "instructions": "{{ input }}",
            "tools": [{"tool": "a", "workflow": "b"}],
            "modle": 1,
        }
        answer = client.post("/api/agents", json=wrong)
        paths = {item["path"] for item in answer.json()["details"]}
        assert (answer.status_code, paths) == (400, {"instructions", "tools[0]", "modle"})
        made = client.post("/api/agents", json={"name": "My Agent", "instructions": "Hi."})
        assert (made.status_code, made.json()["id"], made.json()["version"]) == (
            201,
            "my-agent",
            "1.0.0",
        )
        assert client.get("/api/agents/nobody").json()["error"] == "Agent not found"
        client.post("/api/agents/my-agent/publish", json={"version": "1.0.0"})
        assert client.get("/api/agents/my-agent?version=published").json()["status"] == "published"
        assert client.delete("/api/agents/my-agent").json()["status"] == "archived"
        assert client.delete("/api/agents/my-agent/permanent").status_code == 200
    with shared.client("viewer") as viewer:
        assert (
            viewer.post("/api/agents", json={"name": "n", "instructions": "i"}).status_code == 403
        )


def test_a_transcript_shows_messages_and_calls(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("add", {"a": 1, "b": 2})]),
        Reply("Well."),
        Reply(tool_calls=[("deliver", {"answer": 11})]),
    )
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "told", tools=APPROVAL, output=OUTPUT)
        outcome = start(client, flow(client, name), q="1+2")
        signal = outcome["pauseSignal"]
        answer = {"type": signal["type"], "actionId": signal["actionId"],
                  "actionValue": "approved", "data": {"a": 5, "b": 6}}  # fmt: skip
        client.post(f"/api/workflow/resume/{outcome['runId']}", json=answer)
        settled(client, outcome["runId"], "completed")
        address = f"/api/workflow/runs/{outcome['runId']}/transcript"
        answered = client.get(address)
        assert answered.status_code == 200, answered.text
        (visit,) = answered.json()["visits"]
        assert (visit["stepId"], visit["agent"]["id"], visit["usage"]["calls"]) == ("work", name, 3)
        reported = visit["messages"]
        assert [item["role"] for item in reported] == [
            "system", "user", "assistant", "person", "tool", "assistant", "user", "assistant",
        ]  # fmt: skip
        assert reported[1]["text"].startswith("What is 1+2?")
        assert reported[2]["calls"][0] == {"call": "turn-1/call-1", "tool": "add", "arguments": {"a": 1, "b": 2}}  # fmt: skip
        assert (reported[3]["arguments"], reported[4]["result"]) == ({"a": 5, "b": 6}, {"sum": 11})
        assert reported[5]["text"] == "Well."
        other = client.get(f"{address}?stepId=other")
        assert (other.status_code, other.json()["details"][0]["path"]) == (400, "stepId")
        options = ("--url", shared.address, "--key", shared.key(), "--tenant", "acme")
        lines = command("transcript", outcome["runId"], *options).stdout.splitlines()
        assert lines[2].startswith("user: What is 1+2?")
        assert "[m-2026, 11 + 7 tokens, " in lines[3]
        with httpx.Client(base_url=shared.address) as browser:
            browser.post("/sign-in", data={"tenant": "acme", "credential": shared.key("viewer")})
            page = browser.get(f"/runs/{outcome['runId']}").text
            first = min(map(int, re.findall(r"[?]visit=([0-9]+)", page)))
            page = browser.get(f"/runs/{outcome['runId']}?visit={first}").text
            for shown in ("What is 1+2?", "11 + 7 tokens", "m-2026"):
                assert shown in page


def test_an_agent_asks_a_person(shared: Server) -> None:
    replies = turns(
        Reply(tool_calls=[("ask-user", {"question": "Which?", "options": []})]),
        Reply(tool_calls=[
            ("ask-user", {"question": "Which city?", "options": ["Oslo", "Rome"]}),
            ("ask-user", {"question": "How many?"}), ("add", {"a": 1, "b": 2}),
        ]),
        Reply("Oslo it is."),
    )  # fmt: skip
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "asks-people", tools=["ask-user", "add"])
        assert "warnings" not in client.get(f"/api/agents/{name}").json()
        outcome = start(client, flow(client, name), q="where")
        signal = outcome["pauseSignal"]
        assert (signal["type"], signal["message"]) == ("collect_inputs", "Which city?")
        assert signal["fields"]["answer"]["enum"] == ["Oslo", "Rome"]
        address = f"/api/workflow/resume/{outcome['runId']}"
        for wrong in ({"answer": "Paris"}, {"reply": "Oslo"}, {}):
            refused = client.post(address, json={"type": "collect_inputs", "data": wrong})
            assert refused.status_code == 400, refused.text
        for said in ("Oslo", "Three"):
            body = {"type": "collect_inputs", "data": {"answer": said}}
            assert client.post(address, json=body).status_code == 200
            settled(client, outcome["runId"], "paused", "completed")
        document = status(client, outcome["runId"])
        assert document["stepExecutionHistory"][0]["outputData"] == {"text": "Oslo it is."}
        reported = [one["content"] for one in models.requests[-1].body["messages"] if one["role"] == "tool"]  # fmt: skip
        assert "InvalidToolInput" in reported[0], (
            "no person is asked a question that cannot be answered"
        )
        assert [text.splitlines()[-1] for text in reported[1:]] == ["Oslo", "Three", '{"sum": 3}']
