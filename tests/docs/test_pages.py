"""Statements on hand-written pages match the server."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from app.definitions.definition_text import read_definition
from app.settings.server import load
from app.web.endpoints import ENDPOINTS
from engine import Status
from steps.definition import compile_definition
from steps.document.shape import WorkflowDocument
from steps.fields.field_specs import spec_problems
from steps.registry import Registry

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_page_on_definitions_shows_valid_definitions() -> None:
    whole, captioned, fields, sealed, shared, ends, limited, pooled, parts = blocks(
        "docs/definitions.md", "json"
    )
    (written,) = blocks("docs/definitions.md", "yaml")
    documents = [json.loads(text) for text in (whole, captioned, shared, ends, parts)]
    documents += [read_definition(written).document]
    for document in documents:
        compile_definition(document, Registry.built_in())
    compile_definition({**documents[0], **json.loads(limited)}, Registry.built_in())
    steps = [json.loads(pooled), {"id": "end", "type": "end-flow"}]
    edges = [{"from": steps[0]["id"], "to": "end"}]
    pool = {"name": "pool", "initialStep": steps[0]["id"], "steps": steps, "edges": edges}
    compile_definition(pool, Registry.built_in())
    assert spec_problems(json.loads(fields), "payload", outputs=False) == []
    assert spec_problems(json.loads(sealed), "output", outputs=True) == []
    text = (ROOT / "docs/definitions.md").read_text()
    keys = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    named = {name for cell in keys for name in re.findall(r"`(\w+)`", cell)}
    assert {info.alias or name for name, info in WorkflowDocument.model_fields.items()} <= named
    linked = set(re.findall(r"\]\(steps/([a-z-]+)\.md\)", text))
    assert set(Registry.built_in().types) <= linked


def test_the_page_on_questions_shows_a_valid_definition() -> None:
    text, actions, fields = blocks("docs/questions.md", "json")
    document = json.loads(text)
    compile_definition(document, Registry.built_in())
    document["steps"][0] |= json.loads(actions)
    compile_definition(document, Registry.built_in())
    assert spec_problems(json.loads(fields), "output", outputs=True, asked=True) == []


def test_every_endpoint_has_a_row() -> None:
    text = (ROOT / "docs/api.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z]+ [^`]+)` \| (\w+) \|", text, re.MULTILINE))
    wanted = {f"{item.method} {item.path}": str(item.role) for item in ENDPOINTS}
    of_agents = [name for name in wanted if "/api/agents" in name and "/invoke" not in name]
    wanted = {name: role for name, role in wanted.items() if name not in of_agents}
    assert rows.pop("GET /healthz`, `GET /readyz", None) is None
    assert {name: rows.get(name) for name in wanted} == wanted
    assert set(rows) <= set(wanted) | {"GET /healthz"}


def test_agents_have_the_same_endpoints_as_workflows() -> None:
    of = {
        kind: {(item.method, item.path.removeprefix(f"/api/{kind}"), item.role) for item in ENDPOINTS
               if item.path.startswith(f"/api/{kind}") and not item.path.endswith("/invoke")}
        for kind in ("workflows", "agents")
    }  # fmt: skip
    assert of["agents"] == of["workflows"] != set()


@pytest.mark.parametrize(
    ("page", "keys"),
    [
        ("docs/tools.md", {"mcp_servers"}),
        ("docs/steps/models.md", {"models", "default_model"}),
        ("single-node.md", {"smtp_host", "storage", "models", "mcp_servers", "secrets_key_file"}),
    ],
)
def test_example_settings_files_load(page: str, keys: set[str], tmp_path: Path) -> None:
    found = blocks(page, "toml")
    assert found
    for number, text in enumerate(found):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        loaded = load({}, file)
        assert {name for name, source in loaded.sources.items() if source == str(file)} == set(
            tomllib.loads(text)
        )
        keys = keys - set(tomllib.loads(text))
    assert keys == set()


def test_the_statuses_of_a_run_are_named() -> None:
    text = (ROOT / "docs/api.md").read_text()
    assert [status for status in Status if f"`{status}`" not in text] == []
