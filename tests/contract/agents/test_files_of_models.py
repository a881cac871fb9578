"""Files sent to models, and files made by models and tools, over HTTP."""

import base64
import json
from typing import Any

import httpx
import pytest

from tests.harness.agents import agent, flow, turns
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server
from tests.harness.workflows import create, start, status, straight

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 50
WAV = b"RIFF\x10\x00\x00\x00WAVEfmt " + b"w" * 40
PDF = b"%PDF-1.4\n" + b"x" * 50


def upload(client: httpx.Client, name: str, content: bytes) -> str:
    made = client.post("/api/workflow/files", files={"attachment": (name, content)})
    assert made.status_code in (200, 201), made.text
    return str(made.json()["fileId"])


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_files_are_sent_to_models_in_the_format_of_the_provider(
    shared: Server, provider: str
) -> None:
    with shared.client() as client, ModelServer(Reply("seen")) as models:
        address = models.openai if provider == "openai" else models.anthropic
        model = {"provider": provider, "model": "m", "baseUrl": address, "retries": 0}
        able: dict[str, Any] = {"pdf": True, **({"audio": True} if provider == "openai" else {})}
        for name, more in (("able", able), ("plain", {"images": False})):
            made = client.put(f"/api/models/{provider}-{name}", json={**model, **more})
            assert made.status_code in (200, 201), made.text
        refused = client.put(
            "/api/models/x", json={**model, "provider": "anthropic", "audio": True}
        )
        assert "accept no audio" in refused.text
        step = {"id": "look", "type": "call-llm", "prompt": "What is it?", "files": ["{{ data.files }}"],
                "model": f"{provider}-able"}  # fmt: skip
        workflow = create(client, f"looks-{provider}", [step], straight("look"))
        png, pdf, wav = (
            upload(client, name, content)
            for name, content in (("a.png", PNG), ("b.pdf", PDF), ("c.wav", WAV))
        )
        files = [png, pdf, *([wav] if provider == "openai" else [])]
        outcome = start(client, workflow, files=files)
        assert outcome["status"] == "completed", outcome
        content = models.requests[-1].body["messages"][0]["content"]
        if provider == "openai":
            assert content[1] == {"type": "file", "file": {
                "filename": "b.pdf", "file_data": f"data:application/pdf;base64,{encoded(PDF)}"}}  # fmt: skip
            assert content[2] == {
                "type": "input_audio", "input_audio": {"data": encoded(WAV), "format": "wav"}
            }  # fmt: skip
        else:
            source = {"type": "base64", "media_type": "application/pdf", "data": encoded(PDF)}
            assert content[1] == {"type": "document", "source": source, "title": "b.pdf"}
        assert content[-1]["text"] == "What is it?"
        said = client.get(f"/api/workflow/runs/{outcome['runId']}/transcript").json()["visits"][0]
        assert "(file b.pdf, application/pdf, 59 bytes)" in said["messages"][0]["text"]
        step["model"] = f"{provider}-plain"
        plain = create(client, f"plain-{provider}", [step], straight("look"))
        asked = len(models.requests)
        for file, reported in ((png, "takes no pictures"), (wav, "`audio: true`")):
            error = start(client, plain, files=[file])["error"]
            assert (error["type"], reported in error["message"]) == ("UnsupportedFile", True), error
        large = upload(client, "large.png", PNG + b"x" * 3_500_000)
        assert start(client, workflow, files=[large] * 5)["error"]["type"] == "FilesTooLarge"
        assert len(models.requests) == asked
        # A fallback that cannot take the PDF fails with a message instead of dropping the file.
        client.put(f"/api/models/{provider}-none", json={**model, "baseUrl": "http://127.0.0.1:9"})
        client.put(
            f"/api/models/{provider}-able",
            json={**model, "pdf": True, "baseUrl": "http://127.0.0.1:9"},
        )
        step |= {"model": f"{provider}-able", "fallback": [f"{provider}-plain"]}
        falls = create(client, f"falls-{provider}", [step], straight("look"))
        error = start(client, falls, files=[pdf])["error"]
        assert "takes no pdf, so it cannot be shown b.pdf" in error["message"]


def test_output_of_models_and_tools_is_stored_as_files(shared: Server) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded(PNG)}"}}
    message = {"role": "assistant", "content": None, "images": [picture],
               "audio": {"id": "a", "data": encoded(WAV), "transcript": "Here it is."}}  # fmt: skip
    raw = json.dumps(
        {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}}
    ).encode()
    replies = turns(Reply(tool_calls=[("shoot", {"size": 1})]), Reply(raw=raw))
    with shared.client() as client, ModelServer(replies) as models:
        name = agent(client, models, "paints", tools=["shoot"])
        stored = client.get("/api/models/paints").json()
        client.put("/api/models/paints", json={**stored, "images": True})
        shows = {"output": {"files": {"type": "array", "value": "{{ response.files }}"}}}
        outcome = start(client, flow(client, name, **shows), q="a cat")
        assert outcome["status"] == "completed", outcome
        made = outcome["data"]["files"]
        assert [(one["mimeType"], one["size"]) for one in made] == [
            ("image/png", len(PNG)), ("audio/wav", len(WAV)),
        ]  # fmt: skip
        content = client.get(f"/api/workflow/files/{made[0]['fileId']}").content
        assert content == PNG
        visit = status(client, outcome["runId"])["stepExecutionHistory"][0]
        assert visit["outputData"]["text"] == "Here it is."
        said = client.get(f"/api/workflow/runs/{outcome['runId']}/transcript").json()["visits"][0]
        (shot,) = (one["result"] for one in said["messages"] if one["role"] == "tool")
        kept = shot["content"][0]
        assert set(kept) == {"type", "mimeType", "size", "fileId"}, "no bytes in the journal"
        shown = models.requests[1].body["messages"]
        assert f"fileId {kept['fileId']}" in shown[-2]["content"]
        assert shown[-1]["content"][1]["image_url"]["url"].endswith(encoded(b"\x89PNG1"))
        step = {"id": "shoot", "type": "call-tool", "toolId": "shoot", "inputs": {"size": 1}, "keepFiles": True,
                "output": {"file": {"type": "string", "value": "{{ result.content[0].fileId }}"}}}  # fmt: skip
        kept_id = start(client, create(client, "shoots", [step], straight("shoot")))["data"]["file"]
        assert client.get(f"/api/workflow/files/{kept_id}").content == b"\x89PNG1"
