"""The reference pages match the code: every field, every error, examples that compile."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app.settings.llm import ModelDocument, ModelSettings
from app.settings.mcp import McpServerSettings
from app.settings.server import Settings
from scripts import reference, triggers_page
from steps.agents.agent import AgentDocument, compile_agent
from steps.contract.common_errors import COMMON_ERRORS
from steps.contract.step_type import AnyStepType
from steps.definition import compile_definition
from steps.document.shape import CommonStep
from steps.registry import Registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TYPES = Registry.built_in().all
MODELS = [*(kind.settings for kind in TYPES), CommonStep, AgentDocument, ModelDocument, ModelSettings,
          McpServerSettings, Settings, *(model for _, model in triggers_page.MODELS)]  # fmt: skip
EXTRACTION = [
    "app/tools/extract_document.py",
    "app/tools/extraction_process.py",
    "app/tools/extraction",
]
REACHED = {
    "http": ["app/outbound/sending.py"],
    "file": ["app/files/uploads.py"],
    "secret": ["app/secrets/vault.py"],
    "token": ["app/outbound/oauth.py"],
    "chat": ["app/llm"],
    "agent": ["app/definitions/agents.py"],
    "workflow_as_tool": ["app/definitions/workflows.py"],
    "children": ["app/execution/driving/children.py"],
}  # fmt: skip
"""Where an effect may break a step."""
TOOLS_OF = {
    "steps/call_tool.py": ["steps/tools/tools.py", "app/tools/catalogue.py", "app/tools/mcp"],
    "steps/models/attachments.py": EXTRACTION,
    "steps/agents/calls.py": [],  # errors of a tool are passed to the agent's model
}
PASSED_ON = {"call-tool": {"FileNotFound", "StorageUnavailable"}}
"""Errors of what a tool does with its context."""

TOLD = {
    "call-agent": {"InvalidInput", "InvalidToolResult"},
    "parallel": {"InvalidInput", "UnknownWorkflow"},
    "group": {"InvalidInput", "UnknownWorkflow"},
}
"""Errors of a child run or a tool that an agent's model is told of, that stand in `NotEnough`, or that only
a run of another workflow may have."""


def sources(place: str) -> list[Path]:
    path = ROOT / place
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@cache
def raised_in(source: str) -> frozenset[str]:
    """Return the error types that appear as literals where a failure is raised."""
    made = ("StepBroke", "StepError", "RunError", "DocumentFailure", "NoWayOut", "_failed")
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        is_super = (
            isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "super().__init__"
        )
        if name in made or is_super:
            found |= {
                item.value
                for item in node.args[:2]
                if isinstance(item, ast.Constant) and isinstance(item.value, str)
            }
    return frozenset(name for name in found if re.fullmatch(r"[A-Z][a-z]+([A-Z][a-z]+)*", name))


def effects_used(source: str) -> set[str]:
    """Return the methods of the effects that a source calls."""
    return set(re.findall(r"\beffects\.([a-z_]+)\(", source.replace("_effects", "effects")))


def own_modules(kind: AnyStepType) -> set[Path]:
    """Return the files of `steps/` that implement a step type, without shared ones."""
    common = {
        "contract/step_type",
        "effects/effects",
        "definition",
        "registry",
        "document/outputs",
        "tools/tools",
    }
    todo, seen = [ROOT / f"{type(kind).__module__.replace('.', '/')}.py"], set[Path]()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        names = re.findall(r"^from steps\.([\w.]+) import", file.read_text(), re.MULTILINE)
        places = {name.replace(".", "/") for name in names} - common
        todo += [ROOT / "steps" / f"{place}.py" for place in places]
    return seen


def may_break(kind: AnyStepType) -> set[str]:
    """Return the error types with which a step of this type may fail, from its source."""
    found = set(PASSED_ON.get(kind.type, ()))
    for file in own_modules(kind):
        source = file.read_text()
        found |= raised_in(source)
        places = [place for used in effects_used(source) for place in REACHED.get(used, ())]
        if "tool" in effects_used(source):
            places += TOOLS_OF[str(file.relative_to(ROOT))]
        found |= {
            name
            for place in places
            for part in sources(place)
            for name in raised_in(part.read_text())
        }
    return found - TOLD.get(kind.type, set())


def listed(kind: AnyStepType) -> set[str]:
    return {part.strip() for names in kind.errors for part in names.split(",")}


def fields(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, info in model.model_fields.items():
        yield f"{model.__name__}.{name}", info.description or ""
        for inner in reference._models_in(info.annotation):
            yield from fields(inner)


def test_the_pages_are_current() -> None:
    made = reference.pages()
    stale = [name for name, text in made.items() if (DOCS / name).read_text() != text]
    assert stale == [], "make reference"
    kept = {f"steps/{file.name}" for file in (DOCS / "steps").glob("*.md")}
    assert kept == {name for name in made if name.startswith("steps/")}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert [name for name, reported in fields(model) if not reported] == []


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.type)
def test_the_errors_of_a_step_type_are_those_of_its_source(kind: AnyStepType) -> None:
    assert kind.errors
    unlisted = may_break(kind) - listed(kind) - set(COMMON_ERRORS) - {"ToolAsks"}  # becomes a pause
    assert unlisted == set(), "raised and not on the page"
    everywhere = {name for place in ("app", "engine", "steps") for file in sources(place)
                  for name in raised_in(file.read_text())}  # fmt: skip
    everywhere |= {"ChildCancelled", "ChildTerminated"} & set(
        re.findall(r'"(\w+)"', (ROOT / "app/execution/driving/children.py").read_text())
    )
    assert listed(kind) <= everywhere, "on the page and never raised"
    assert set(COMMON_ERRORS) <= everywhere


def test_the_search_for_errors_finds_them() -> None:
    source = 'raise StepBroke("NoLuck", f"{x}")\nsuper().__init__("Away", "why")\nraise ValueError("Other")'
    assert raised_in(source) == {"NoLuck", "Away"}
    found = may_break(next(kind for kind in TYPES if kind.type == "call-agent"))
    assert {
        "TooManyTurns",
        "UnknownAgent",
        "RateLimited",
        "UnsupportedDocument",
        "TooDeep",
    } <= found
    assert "ToolFailed" not in found


def test_the_errors_of_a_run_are_on_the_page_of_definitions() -> None:
    text = (DOCS / "definitions.md").read_text()
    raised = {name for place in ("engine/advance.py", "engine/route.py")
              for name in raised_in((ROOT / place).read_text())}  # fmt: skip
    assert {"NoEdge", "TooManySteps"} <= raised
    listed_elsewhere = {"DeadlinePassed"}  # documented on the pages of steps with a deadline
    assert [name for name in raised - listed_elsewhere if f"`{name}`" not in text] == []


def test_the_errors_of_the_built_in_tools_are_on_their_page() -> None:
    text = (DOCS / "tools.md").read_text()
    raised = {name for place in ("app/tools/outgoing_mail.py", "app/tools/smtp.py", "app/tools/addresses.py", *EXTRACTION)
              for file in sources(place) for name in raised_in(file.read_text())}  # fmt: skip
    assert len(raised) >= 9
    assert [name for name in sorted(raised) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.type)
def test_an_example_compiles_in_a_workflow(kind: AnyStepType) -> None:
    page = (DOCS / "steps" / f"{kind.type}.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    step: dict[str, Any] = json.loads(block)
    assert step["type"] == kind.type
    steps, edges = [step], []
    if not kind.ends:
        steps.append({"id": "end", "type": "end-flow"})
        edges.append({"from": step["id"], "to": "end"})
    if "deadline" in step:
        edges.append({"from": step["id"], "to": "end", "on": "timeout"})
    document = {"name": "Page", "initialStep": step["id"], "steps": steps, "edges": edges}
    compile_definition(document, Registry.built_in())


def test_the_examples_of_agents_and_models_are_documents() -> None:
    (agent,) = re.findall(r"```json\n(.*?)```", (DOCS / "steps/agents.md").read_text(), re.DOTALL)
    assert compile_agent(json.loads(agent)).name == "Researcher"
    models = re.findall(r"```json\n(.*?)```", (DOCS / "steps/models.md").read_text(), re.DOTALL)
    named, scripted = (ModelDocument.model_validate_json(model) for model in models)
    assert (named.secret, len(scripted.scripts)) == ("ANTHROPIC_KEY", 2)


def test_settings_that_may_use_secrets_are_marked() -> None:
    page = (DOCS / "steps/call-api.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", page, re.MULTILINE))
    marked = {name for name, kind in rows.items() if "secrets may stand here" in kind}
    assert marked == {"url", "headers", "query", "body", "form", "multipart", "text", "username", "password",
                      "token", "name", "value", "tokenUrl", "clientId", "clientSecret", "scope", "audience"}  # fmt: skip
    page = (DOCS / "steps/call-llm.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| [^|]*secrets may stand here", page, re.MULTILINE) == [
        "headers"
    ]
