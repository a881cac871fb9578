"""Models in the console: streamed answers, replays, budgets and checks."""

import threading

from tests.console.browser import Person
from tests.contract.agents.test_spending import asking
from tests.harness.agents import agent, flow, turns
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server, settled
from tests.harness.workflows import create, start, straight


def test_an_answer_is_shown_while_it_streams_and_a_run_is_replayed(
    console: Server, person: Person
) -> None:
    tenant = "answering"
    held = threading.Event()
    poem = "Rosen " * 1_000
    with (
        console.client(tenant=tenant) as client,
        ModelServer(Reply(poem, held=held), Reply("Short.")) as models,
    ):
        document = {"provider": "openai", "model": "m", "baseUrl": models.openai, "stream": True,
                    "prices": {"input": 1, "output": 1}}  # fmt: skip
        client.put("/api/models/poet", json=document)
        ask = {"id": "ask", "type": "call-llm", "model": "poet", "prompt": "A poem"}
        name = create(client, "poem", [ask], straight("ask"))
        run = client.post(f"/api/workflow/start-async/{name}", json={}).json()["runId"]
        person.signs_in(tenant, console.key("operator", tenant), f"/runs/{run}")
        person.sees("Being answered")
        person.sees("Rosen Rosen Rosen")
        held.set()
        settled(client, run, "completed")
        person.waits(lambda: "Being answered" not in person.text)
        person.opens(f"/runs/{run}")
        person.presses("Replay…")
        person.presses("Replay")
        person.waits(lambda: run not in person.driver.current_url)
        person.sees("came out otherwise")
        assert "output.text" in person.text
        assert "Time of models" in person.text


def test_budgets_that_are_nearly_used_up_are_marked(console: Server, person: Person) -> None:
    tenant = "thrifty"
    dear = Reply("hm", input_tokens=20, output_tokens=8)  # costs 0.1
    with console.client(tenant=tenant) as client, ModelServer(dear) as models:
        name = asking(client, models, "dear", 1)
        assert start(client, name)["status"] == "completed"
        person.signs_in(tenant, console.key("admin", tenant), "/settings/budgets")
        person.sees("None yet")
        person.writes("workflow", name)
        person.writes("month", "0.12")
        person.presses("Set")
        person.sees("83 %")
        assert "near" in person.text
        client.put("/api/budgets", json={"month": 0.05})
        person.opens("/settings/budgets")
        person.sees("used up")
        person.presses("Remove")
        person.confirms()
        person.waits(lambda: "all workflows together" not in person.text)


def test_checks_of_an_agent_are_shown_in_one_table(console: Server, person: Person) -> None:
    tenant = "checking"
    with console.client(tenant=tenant) as client, ModelServer(turns(Reply("Yes."))) as models:
        name = agent(client, models, "judge")
        run = start(client, flow(client, name), q="?")["runId"]
        document = {"id": name, "name": name, "instructions": "Work.", "model": name}
        changed = {**document, "checks": [run, "dynamic-workflow-5"]}
        assert client.put(f"/api/agents/{name}", json=changed).status_code == 200
        person.signs_in(tenant, console.key("operator", tenant), f"/agents/{name}")
        person.presses("Checks of version 1.0.1")
        person.sees("not tried with this version")
        assert "there is no such run any more" in person.text
        person.presses("Replay")
        person.waits(lambda: "not tried" not in person.text)
        person.opens(f"/agents/{name}/checks")
        person.sees("1 of 1 came out the same")
        assert "Turns: 1, 1" in person.text
