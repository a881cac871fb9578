"""The built-in tools, called by runs over HTTP."""

import json
import re
from pathlib import Path
from typing import Any

from app.clock import SystemClock
from app.settings.llm import ModelDocument
from app.settings.server import Settings
from app.tools.built_in import built_in_tools
from steps.definition import compile_definition
from steps.registry import Registry
from steps.tools.tools import Tools
from tests.conftest import PLUGIN
from tests.harness.mail import MailServer
from tests.harness.server import Server

FLOW = {
    "id": "orders", "name": "Orders", "initialStep": "read",
    "steps": [
        {"id": "read", "type": "call-tool", "toolId": "extract-document",
         "inputs": {"fileId": "{{ data.attachment.fileId }}"},
         "output": {"rows": {"type": "array", "value": "{{ result.sheets[0].rows }}"}}},
        {"id": "shape", "type": "call-tool", "toolId": "transform",
         "inputs": {"first": "{{ data.rows[1][0] }}", "count": "{{ data.rows | length }}"},
         "output": {"first": {"type": "string"}, "count": {"type": "integer"}}},
        {"id": "tell", "type": "call-tool", "toolId": "send-email",
         "inputs": {"to": "ada@example.com", "subject": "{{ data.count }} rows", "text": "{{ data.first }}",
                    "attachments": ["{{ data.attachment.fileId }}"]},
         "output": {"accepted": {"type": "array"}}},
        {"id": "end", "type": "end-flow", "result": {"to": "{{ data.accepted }}"}},
    ],
    "edges": [{"from": "read", "to": "shape"}, {"from": "shape", "to": "tell"}, {"from": "tell", "to": "end"}],
}  # fmt: skip


def test_a_document_is_read_transformed_and_sent(tmp_path: Path) -> None:
    with MailServer(tmp_path, "starttls", user=("robot", "hunter2")) as mail:
        given = mail.settings(smtp_username="robot", smtp_password="hunter2")
        environment = {f"STEPWELL_{name.upper()}": str(value) for name, value in given.items()}
        with Server(tmp_path / "data", PLUGIN, **environment) as server, server.client() as client:
            assert client.post("/api/workflows", json=FLOW).status_code == 201
            content = b"item,count\ntea,2\n"
            form = {"attachment": ("orders.csv", content)}
            outcome = client.post("/api/workflow/start/orders", files=form).json()
            assert outcome["status"] == "completed", outcome
            assert outcome["result"] == {"to": ["ada@example.com"]}
        message = mail.messages[0]
    assert message["Subject"] == "2 rows"
    assert [item.get_filename() for item in message.iter_attachments()] == ["orders.csv"]
    assert next(message.iter_attachments()).get_payload(decode=True) == content


def test_the_example_steps_on_the_page_of_tools_work(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "tools.md").read_text()
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    steps = [block for block in shown if "toolId" in block]
    for model in (block for block in shown if "toolId" not in block):
        ModelDocument.model_validate(model)
    tools = {item.id: item for item in Tools(built_in_tools(Settings(), SystemClock())).describe()}
    assert {step["toolId"] for step in steps} == set(tools)
    for step in steps:
        schema: Any = tools[step["toolId"]].input_schema
        assert set(schema.get("required", [])) <= set(step["inputs"])
        assert schema["additionalProperties"] or set(step["inputs"]) <= set(schema["properties"])
        assert all(f"`{key}`" in text for key in schema.get("properties", {}))
        ends = [{"from": step["id"], "to": "end"}]
        document = {"name": "Page", "initialStep": step["id"], "edges": ends,
                    "steps": [step, {"id": "end", "type": "end-flow"}]}  # fmt: skip
        compile_definition(document, Registry.standard([]))
    settings = [name for name in Settings.model_fields if name.startswith("smtp_")]
    assert all(f"`{name}`" in text for name in settings)
