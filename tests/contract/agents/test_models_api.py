"""Chat models over HTTP: roles, hidden keys, and refused documents."""

import json
from pathlib import Path

import pytest

from tests.conftest import PLUGIN
from tests.harness.server import Server

MODEL = {"provider": "openai", "model": "qwen", "baseUrl": "http://models.test/v1", "secret": "key"}


def test_a_model_is_created_listed_changed_and_deleted(shared: Server) -> None:
    with shared.client("admin") as client:
        made = client.put("/api/models/local.qwen_3-8b", json=MODEL)
        assert made.status_code == 200, made.text
        shown = {
            "name": "local.qwen_3-8b", "provider": "openai", "model": "qwen",
            "baseUrl": "http://models.test/v1", "source": "tenant", "default": True, "secret": "key",
            "timeout": "5m", "stream": False, "structured": "json_schema", "retries": 2,
            "fallback": [], "headers": {}, "options": {}, "scripts": [],
            "pdf": False, "audio": False, "embeddings": False,
        }  # fmt: skip
        assert made.json() == shown
        assert client.get("/api/models").json() == [shown]
        changed = {"provider": "anthropic", "model": "claude", "timeout": "90s"}
        client.put("/api/models/local.qwen_3-8b", json=changed)
        assert client.get("/api/models").json()[0]["baseUrl"] == "https://api.anthropic.com"
        assert client.delete("/api/models/local.qwen_3-8b").json() == {
            "success": True, "name": "local.qwen_3-8b",
        }  # fmt: skip
        gone = client.delete("/api/models/local.qwen_3-8b")
        assert (gone.status_code, gone.json()["error"]) == (404, "Model not found")
        assert client.get("/api/models").json() == []


def test_tenants_do_not_see_each_others_models(shared: Server) -> None:
    with shared.client("admin", "one") as one, shared.client("admin", "two") as two:
        one.put("/api/models/mine", json=MODEL)
        assert two.get("/api/models").json() == []
        assert two.delete("/api/models/mine").status_code == 404
        assert [item["name"] for item in one.get("/api/models").json()] == ["mine"]


def test_models_need_an_admin_and_are_shown_to_viewers(shared: Server) -> None:
    with shared.client("viewer") as viewer, shared.client("editor") as editor:
        assert viewer.get("/api/models").status_code == 200
        assert editor.put("/api/models/m", json=MODEL).status_code == 403
        assert editor.delete("/api/models/m").status_code == 403


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"keyEnv": "HOME"}, "keyEnv"),
        ({"provider": "other"}, "provider"),
        ({"baseUrl": "ftp://models.test"}, "baseUrl"),
        ({"baseUrl": "http://user:pass@models.test"}, "baseUrl"),
        ({"baseUrl": "http://models.test:99999"}, "baseUrl"),
        ({"baseUrl": "http://models..test/v1"}, "baseUrl"),
        ({"baseUrl": "http://models test/v1"}, "baseUrl"),
        ({"fallback": ["m", "wrong"]}, "fallback"),
        ({"timeout": "soon"}, "timeout"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"apiKey": "k"}, "apiKey"),
        ({"provider": "anthropic", "structured": "json_object"}, ""),
    ],
)
def test_a_wrong_document_is_refused_with_the_path_of_the_error(shared: Server, change: object, path: str) -> None:  # fmt: skip
    with shared.client("admin") as client:
        answer = client.put("/api/models/wrong", json={**MODEL, **change})  # type: ignore[dict-item] # wrong on purpose
        assert answer.status_code == 400
        assert [item["path"] for item in answer.json()["details"]] == [path]


@pytest.mark.parametrize("name", ["a b", "a%2Fb", "x" * 65, "\u00e9", "%2e%2e", ".m"])
def test_a_wrong_name_is_refused(shared: Server, name: str) -> None:
    with shared.client("admin") as client:
        assert client.put(f"/api/models/{name}", json=MODEL).status_code in (400, 404)


def test_models_of_the_settings_are_listed_and_a_tenant_can_replace_them(tmp_path: Path) -> None:
    named = json.dumps({"shared": {"provider": "anthropic", "model": "claude", "keyEnv": "A_KEY"}})
    environment = {"STEPWELL_MODELS": named, "STEPWELL_DEFAULT_MODEL": "shared", "A_KEY": "canary"}
    with Server(tmp_path / "data", PLUGIN, **environment) as server, server.client() as client:
        listed = client.get("/api/models")
        assert "canary" not in listed.text
        assert "A_KEY" not in listed.text
        assert [(item["name"], item["source"]) for item in listed.json()] == [("shared", "settings")]  # fmt: skip
        client.put("/api/models/shared", json=MODEL)
        assert [item["source"] for item in client.get("/api/models").json()] == ["tenant"]
        server.kill()
        server.start()
        assert [item["model"] for item in client.get("/api/models").json()] == ["qwen"]
        client.delete("/api/models/shared")
        assert [item["source"] for item in client.get("/api/models").json()] == ["settings"]


def test_a_scripted_model_has_no_address_and_can_be_saved_as_shown(shared: Server) -> None:
    answers = [{"text": "a", "delay": "2s"}, {"text": "b"}]
    model = {"provider": "scripted", "model": "s", "scripts": [{"answers": answers}]}
    with shared.client("admin") as client:
        shown = client.put("/api/models/script", json=model).json()
        assert "baseUrl" not in shown
        assert [one.get("delay") for one in shown["scripts"][0]["answers"]] == ["2s", None]
        again = client.put("/api/models/script", json=shown)
        assert (again.status_code, again.json()) == (200, shown)
        client.delete("/api/models/script")
