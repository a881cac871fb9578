"""Invocations of agents and tools over HTTP, and conversations in threads."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from app.web.console.rendering import workflow_page
from tests.console.test_access import sign_in
from tests.harness.agents import APPROVAL, OUTPUT, agent, flow
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import Server, settled
from tests.harness.workflows import start


def counting(request: Request) -> Reply:
    """Answer with the number of user messages."""
    users = [one for one in request.body["messages"] if one["role"] == "user"]
    if "deliver" in str(request.body.get("tools")):
        return Reply(tool_calls=[("deliver", {"answer": len(users)})])
    return Reply(f"{len(users)} said")


def invoke(client: httpx.Client, name: str, message: str, **more: Any) -> Any:
    answer = client.post(f"/api/agents/{name}/invoke", json={"message": message, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_agent_is_invoked_and_its_conversation_continues(shared: Server) -> None:
    with shared.client() as client, ModelServer(counting) as models:
        name = agent(client, models, "talks", output=OUTPUT)
        first = invoke(client, name, "One")
        assert (first["data"], first["status"]) == ({"answer": 1}, "completed")
        assert first["threadId"].startswith("invoke-")
        second = invoke(client, name, "Two", threadId=first["threadId"])
        assert second["data"] == {"answer": 2}
        said = [one["content"] for one in models.requests[-1].body["messages"][1:]]
        assert said == ["One", '{"answer": 1}', "Two"]
        # A step of a workflow continues the same conversation.
        workflow = flow(client, name, threadId="{{ data.thread }}")
        outcome = start(client, workflow, q="3", thread=first["threadId"])
        settled(client, outcome["runId"], "completed")
        thread = client.get(f"/api/threads/{first['threadId']}").json()
        assert [one["number"] for one in thread["exchanges"]] == [1, 2, 3]
        assert thread["exchanges"][2]["runId"] == outcome["runId"]
        other = agent(client, models, "talks-2")
        refused = invoke(client, other, "?", threadId=first["threadId"])
        assert refused["error"]["type"] == "InvalidRequest"
        assert invoke(client, other, "?")["data"] == {"text": "1 said"}
        assert client.delete(f"/api/threads/{first['threadId']}").status_code == 200
        assert client.get(f"/api/threads/{first['threadId']}").status_code == 404
        assert client.post("/api/agents/nobody/invoke", json={"message": "?"}).status_code == 404


def test_only_one_invocation_at_a_time_uses_a_thread(shared: Server) -> None:
    slow = Reply("hm", delay_s=0.5)
    with shared.client() as client, ModelServer(slow) as models:
        name = agent(client, models, "crowded")
        with ThreadPoolExecutor(4) as together:
            found = list(together.map(lambda n: invoke(client, name, str(n), threadId="same"), range(4)))  # fmt: skip
        failed = [one for one in found if one["status"] == "failed"]
        assert {one["error"]["type"] for one in failed} <= {"ThreadInUse"}
        assert failed, "they were asked at once"
        said = client.get("/api/threads/same").json()["exchanges"]
        assert len(said) == 4 - len(failed)


def test_an_agent_that_needs_approval_pauses_and_answers_later(shared: Server) -> None:
    replies = (Reply(tool_calls=[("add", {"a": 1, "b": 2})]), Reply("Three."))
    with shared.client() as client, ModelServer(*replies) as models:
        name = agent(client, models, "asks-first", tools=APPROVAL)
        paused = invoke(client, name, "1+2")
        signal = paused["pauseSignal"]
        assert (paused["status"], paused["data"], signal["tool"]) == ("paused", None, "add")
        answer = {"type": signal["type"], "actionId": signal["actionId"], "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{paused['runId']}", json=answer)
        document = settled(client, paused["runId"], "completed")
        assert document["result"] == {"data": {"text": "Three."}}


def test_a_tool_is_called(shared: Server) -> None:
    with shared.client() as client:
        address = "/api/tools/{}/invoke"
        good = client.post(address.format("add"), json={"args": {"a": 1, "b": 2}})
        assert good.json() == {"success": True, "data": {"sum": 3}}
        wrong = client.post(address.format("add"), json={"args": {"a": "x"}})
        assert (wrong.status_code, wrong.json()["error"]) == (400, "Invalid input")
        none = client.post(address.format("none"), json={})
        assert (none.status_code, none.json()["error"]) == (404, "Tool not found")


def test_the_pages_of_a_run_of_an_agent_link_to_the_agent(shared: Server) -> None:
    with (
        shared.client() as client,
        ModelServer(Reply("Hi.")) as models,
        httpx.Client(base_url=shared.address) as person,
    ):
        agent(client, models, "shown")
        run_id = invoke(client, "shown", "Hello")["runId"]
        replay = client.post(f"/api/workflow/replay/{run_id}", json={}).json()["runId"]
        sign_in(person, "acme", shared.key())
        assert 'href="/agents/shown?version=1.0.0"' in person.get(f"/runs/{run_id}").text
        assert 'href="/agents/shown"' in person.get(f"/runs/{replay}").text
        assert 'href="/agents/shown"' in person.get("/runs").text
    assert workflow_page("a/b?") == "/workflows/a%2Fb%3F"
