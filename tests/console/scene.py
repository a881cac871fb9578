"""A tenant with objects of every kind, for screenshots and for tests of every page."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server, settled

CLAIM: dict[str, Any] = {
    "name": "Insurance claim",
    "description": "Reads a claim, checks it, asks a person where it matters, and pays.",
    "title": "Claim of {{ data.customer }}",
    "labels": {"customer": "{{ data.customer }}", "kind": "{{ data.kind }}"},
    "initialStep": "details",
    "payload": {
        "customer": {"type": "string", "description": "Who claims"},
        "amount": {"type": "number", "minimum": 0.01, "description": "In EUR"},
        "kind": {"type": "string", "enum": ["car", "home", "travel"]},
        "urgent": {"type": "boolean", "required": False, "description": "Somebody waits at the phone"},
        "attachment": {"type": "file", "required": False, "description": "Photo or invoice"},
    },
    "steps": [
        {"id": "details", "type": "call-tool", "name": "Sort the claim", "toolId": "transform",
         "inputs": {"small": "{{ data.amount < 200 }}"},
         "output": {"small": {"type": "boolean", "value": "{{ result.small }}"}}},
        {"id": "cover", "type": "call-tool", "name": "Check the cover", "toolId": "transform",
         "inputs": {"covered": "{{ data.kind != 'travel' }}"}, "retry": {"maxAttempts": 3},
         "output": {"covered": {"type": "boolean", "value": "{{ result.covered }}"}}},
        {"id": "review", "type": "request-user-action", "name": "Review by a person",
         "message": "{{ data.customer }} claims {{ data.amount }} EUR ({{ data.kind }}). Pay it?",
         "actions": [{"value": "approved", "label": "Pay"}, {"value": "questions", "label": "Ask the customer"},
                     {"value": "rejected", "label": "Reject"}],
         "assignees": ["claims"], "deadline": "3d",
         "output": {"decision": {"type": "string", "value": "{{ result.actionValue }}"}}},
        {"id": "questions", "type": "collect-inputs", "name": "Answer of the customer",
         "message": "What did the customer say?", "output": {"answer": {"type": "string", "maxLength": 1000}}},
        {"id": "pay", "type": "call-api", "name": "Pay", "method": "POST", "url": "http://127.0.0.1:9/pay",
         "body": {"amount": "{{ data.amount }}"}, "retry": {"maxAttempts": 2, "initialInterval": "50ms"}},
        {"id": "paid", "type": "end-flow", "name": "Paid", "result": {"paid": "{{ data.amount }}"}},
        {"id": "refused", "type": "end-flow", "name": "Refused", "result": {"paid": 0}},
        {"id": "escalated", "type": "end-flow", "name": "Handed to the team lead", "result": {"late": True}},
    ],
    "edges": [
        {"from": "details", "to": "pay", "condition": "data.small"},
        {"from": "details", "to": "cover"},
        {"from": "cover", "to": "review", "condition": "data.covered"},
        {"from": "cover", "to": "refused"},
        {"from": "review", "to": "pay", "condition": "data.decision == 'approved'"},
        {"from": "review", "to": "questions", "condition": "data.decision == 'questions'"},
        {"from": "review", "to": "refused"},
        {"from": "review", "to": "escalated", "on": "timeout"},
        {"from": "questions", "to": "review"},
        {"from": "pay", "to": "paid"},
    ],
}  # fmt: skip


DOCUMENT: dict[str, Any] = {
    "id": "document", "name": "Check a document", "initialStep": "sort",
    "payload": {"name": {"type": "string"}, "pages": {"type": "integer"}},
    "steps": [
        {"id": "sort", "type": "call-tool", "name": "Sort", "toolId": "transform",
         "inputs": {"long": "{{ data.pages > 40 }}"},
         "output": {"long": {"type": "boolean", "value": "{{ result.long }}"}}},
        {"id": "ask", "type": "request-user-action", "name": "Look at it", "message": "{{ data.name }} has {{ data.pages }} pages. Read it?",
         "actions": [{"value": "read", "label": "Read it"}, {"value": "skip", "label": "Skip it"}]},
        {"id": "end", "type": "end-flow", "result": {"name": "{{ data.name }}"}},
    ],
    "edges": [{"from": "sort", "to": "ask", "condition": "data.long"}, {"from": "sort", "to": "end"},
              {"from": "ask", "to": "end"}],
}  # fmt: skip
BATCH: dict[str, Any] = {
    "id": "batch", "name": "Batch of documents", "initialStep": "each",
    "payload": {"documents": {"type": "array"}},
    "steps": [
        {"id": "each", "type": "call-workflow", "name": "Each document", "workflowId": "document",
         "items": "{{ data.documents }}", "concurrency": 4,
         "data": {"name": "{{ item.name }}", "pages": "{{ item.pages }}"}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "each", "to": "end"}],
}  # fmt: skip
FETCH: dict[str, Any] = {
    "id": "rates", "name": "Exchange rates", "initialStep": "fetch",
    "steps": [
        {"id": "fetch", "type": "call-api", "name": "Fetch the rates", "method": "GET", "url": "http://127.0.0.1:9/rates",
         "retry": {"maxAttempts": 9, "initialInterval": "40ms", "backoffCoefficient": 60, "maximumInterval": "1h"}},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "fetch", "to": "end"}],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """The ids of the objects; `link`, `invitation` and `form` are paths on the server."""

    workflow: str
    agent: str
    webhook: str
    paused: str
    failed: str
    completed: str
    link: str
    rerun: str
    batch: str
    retrying: str
    agent_run: str
    invitation: str
    form: str
    firing: str


_TRIGGERS: dict[str, dict[str, Any]] = {
    "claims": {"verify": {"preset": "none"}},
    "pushes": {"verify": {"preset": "github", "secret": "GITHUB"}, "enabled": False},
    "told": {"on": "run.failed", "workflows": ["greeting"],
             "data": {"customer": "{{ run.id }}", "amount": 1, "kind": "car"}},
    "contact": {"on": "form", "title": "Report a claim", "enabled": True, "perSecond": 20},
}  # fmt: skip


def one_question(name: str, message: str) -> dict[str, Any]:
    """Return a workflow that asks for a decision and ends."""
    return {"name": name, "initialStep": "a", "edges": [{"from": "a", "to": "e"}], "steps": [
        {"id": "a", "type": "request-user-action", "message": message}, {"id": "e", "type": "end-flow"},
    ]}  # fmt: skip


def _agent(client: httpx.Client) -> str:
    model = {"provider": "openai", "baseUrl": "http://127.0.0.1:9/v1", "model": "small-1"}
    client.put("/api/models/fast", json=model).raise_for_status()
    document = {
        "name": "Researcher", "description": "Finds out who owns a company.", "model": "fast",
        "instructions": "You research companies in {{ inputs.country }}.\nUse the tools; do not guess.",
        "tools": ["extract-document", {"tool": "send-email", "approval": True}, "registry.search"],
        "output": {"owner": {"type": "string", "description": "Who owns it"}, "share": {"type": "number"}},
    }  # fmt: skip
    agent = str(client.post("/api/agents", json=document).json()["id"])
    client.put(f"/api/agents/{agent}", json={"limits": {"maxTurns": 10, "time": "5m"}})
    client.post(f"/api/agents/{agent}/publish", json={"version": "1.0.0"}).raise_for_status()
    return agent


def set_the_scene(server: Server) -> Scene:
    """Create workflows, versions, and runs in every state."""
    server.key("owner", name="claims-desk")
    with server.client() as client:
        hook = {"url": "http://127.0.0.1:9/claims", "name": "Claims desk", "events": ["run.*"]}
        webhook = client.post("/api/webhooks", json=hook).json()["id"]
        agent = _agent(client)
        workflow = client.post("/api/workflows", json=CLAIM).json()["id"]
        steps = json.loads(json.dumps(CLAIM["steps"]))
        steps[2]["deadline"] = "5d"
        client.put(f"/api/workflows/{workflow}", json={"steps": steps})
        client.post(f"/api/workflows/{workflow}/publish", json={"version": "1.0.1"})
        claim = {"customer": "Ada Lovelace", "amount": 9, "kind": "car"}
        nightly = {
            "workflowId": workflow,
            "cron": "30 2 * * *",
            "timeZone": "Europe/Berlin",
            "data": claim,
        }
        client.put("/api/schedules/nightly", json=nightly).raise_for_status()
        for name, trigger in _TRIGGERS.items():
            body = {"workflowId": workflow, **trigger}
            client.put(f"/api/triggers/{name}", json=body).raise_for_status()
        address = client.get("/api/triggers/claims").json()["url"]
        for sent in ({"customer": "Ada", "amount": 1, "kind": "car"}, {"amount": "much"}):
            client.post(address, json=sent)
        client.post("/api/signals", json={"name": "paid", "key": "7", "data": {"amount": 1}})
        asks = {"name": "Greeting", "description": "Greets.", "initialStep": "ask", "steps": [
            {"id": "ask", "type": "collect-inputs", "message": "Whom shall we greet?", "output": {
                "name": {"type": "string", "description": "First and last name"}, "times": {"type": "integer", "default": 1}}},
            {"id": "end", "type": "end-flow", "result": {"greeting": "Hello, {{ data.name }}!"}}],
            "edges": [{"from": "ask", "to": "end"}]}  # fmt: skip
        greeting = client.post("/api/workflows", json=asks).json()["id"]
        start = f"/api/workflow/start/{workflow}"
        failed = client.post(
            start, json={"data": {"customer": "Grace Hopper", "amount": 120, "kind": "home"}}
        ).json()["runId"]
        client.post(f"/api/workflow/start/{greeting}", json={"data": {}})
        refused = client.post(
            start, json={"data": {"customer": "Alan Kay", "amount": 900, "kind": "travel"}}
        ).json()["runId"]
        done = client.post(
            f"/api/workflow/start/{greeting}", json={"data": {"name": "Ada"}}
        ).json()["runId"]
        paused = client.post(
            start, json={"data": {"customer": "Ada Lovelace", "amount": 1840.5, "kind": "car"}}
        ).json()["runId"]
        review = {"type": "request_user_action", "actionId": "review", "actionValue": "questions"}
        said = {"type": "collect_inputs", "data": {"answer": "The invoice is from May."}}
        for answer in (review, said):
            client.post(f"/api/workflow/resume/{paused}", json=answer).raise_for_status()
            settled(client, paused, "paused")
        link = client.post(f"/api/workflow/links/{paused}", json={"name": "Dr. Byron"}).json()[
            "url"
        ]
        for name, groups in (("ada", ["finance"]), ("grace", ["claims", "finance"])):
            person = {"name": name, "role": "operator", "groups": groups}
            invited = client.post("/api/people", json=person).json()["invitation"]
        form = client.get("/api/triggers/contact").json()["url"]
        firing = client.get("/api/triggers/claims/firings").json()["firings"][0]["key"]
        for secret in ("MODEL_KEY", "BANK_TOKEN"):
            client.put(f"/api/secrets/{secret}", json={"value": "a secret value"})
        settled(client, failed, "failed")
        settled(client, refused, "completed")
        rerun = client.post(f"/api/workflow/rerun/{failed}", json={"stepId": "pay"}).json()["runId"]
        settled(client, rerun, "failed")
        more = _more(client)
    answer = "/answer/" + link.rpartition("/")[2]
    opened = (urlsplit(invited).path, urlsplit(form).path, firing)
    return Scene(workflow, agent, webhook, paused, failed, done, answer, rerun, *more, *opened)


def _more(client: httpx.Client) -> tuple[str, str, str]:
    """Start a run with many child runs, one that waits for a retry, and one with an agent."""
    for document in (DOCUMENT, BATCH, FETCH):
        client.post("/api/workflows", json=document).raise_for_status()
    documents = [{"name": f"Contract {n}.pdf", "pages": 9 + (n * 7) % 36} for n in range(1, 13)]
    data = {"data": {"documents": documents}}
    batch = client.post("/api/workflow/start/batch", json=data).json()["runId"]
    retrying = client.post("/api/workflow/start-async/rates", json={"data": {}}).json()["runId"]
    turns = (
        Reply("Let me see.", tool_calls=[("add", {"a": 1200, "b": 640})]),
        Reply(tool_calls=[("deliver", {"total": 1840})]),
    )
    with ModelServer(*turns) as models:
        model = {"provider": "openai", "baseUrl": models.openai, "model": "small"}
        client.put("/api/models/small", json=model).raise_for_status()
        adder = {"id": "adder", "name": "Adder", "instructions": "Add.", "model": "small", "tools": ["add"]}  # fmt: skip
        client.post("/api/agents", json={**adder, "output": {"total": {"type": "integer"}}})
        flow = {"id": "totals", "name": "Totals", "initialStep": "add", "steps": [
            {"id": "add", "type": "call-agent", "name": "Add it up", "agentId": "adder", "message": "Add 1200 and 640.",
             "output": {"total": {"type": "integer"}}}, {"id": "end", "type": "end-flow"}],
            "edges": [{"from": "add", "to": "end"}]}  # fmt: skip
        client.post("/api/workflows", json=flow).raise_for_status()
        agent = client.post("/api/workflow/start/totals", json={"data": {}}).json()["runId"]
        settled(client, agent, "completed")
    settled(client, batch, "paused")
    return batch, retrying, agent
