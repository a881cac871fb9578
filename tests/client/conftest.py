import pytest

from stepwell.client import Client
from tests.harness.server import Server

END = {"id": "end", "type": "end-flow"}
ASKING = {
    "id": "asking", "name": "Asking", "initialStep": "ask",
    "steps": [{"id": "ask", "type": "request-user-action"}, END],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip
COLLECTING = {
    "id": "collecting", "name": "Collecting", "initialStep": "form",
    "steps": [{"id": "form", "type": "collect-inputs",
               "output": {"city": {"type": "string", "required": True}}}, END],
    "edges": [{"from": "form", "to": "end"}],
}  # fmt: skip
NAPPING = {
    "id": "napping", "name": "Napping", "initialStep": "nap",
    "steps": [{"id": "nap", "type": "wait", "duration": "1500ms"}, END],
    "edges": [{"from": "nap", "to": "end"}],
}  # fmt: skip
FAILING = {
    "id": "failing", "name": "Failing", "initialStep": "boom",
    "steps": [{"id": "boom", "type": "call-tool", "toolId": "explode"}, END],
    "edges": [{"from": "boom", "to": "end"}],
}  # fmt: skip


def define(client: Client) -> None:
    for definition in (ASKING, COLLECTING, NAPPING, FAILING):
        client.workflows.create(definition)


def client_for(server: Server) -> Client:
    return Client(server.address, api_key=server.key(), tenant="acme")


@pytest.fixture(scope="module")
def defined(shared: Server) -> Server:
    with client_for(shared) as client:
        define(client)
    return shared
