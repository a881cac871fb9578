"""The pages on moving from other engines: their examples are checked and run."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.definitions.definition_text import read_definition
from steps.definition import compile_definition
from steps.registry import Registry
from tests.harness.server import Server

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    *sorted(file for file in (DOCS / "coming-from").glob("*.md") if file.name != "README.md"),
    DOCS / "fit.md",
]
STARTED = re.compile(r"Started\s+with\s+`([^`]*)`\s+it\s+(ends|waits)\s+(?:with|in)\s+`([^`]*)`")


def documents(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def client(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as made:
        yield made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_are_definitions(page: Path) -> None:
    found = documents(page)
    assert found
    for text in found:
        compile_definition(read_definition(text).document, Registry.built_in())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_as_described(page: Path, client: httpx.Client) -> None:
    _, *examples = page.read_text().split("```yaml\n")
    for text, _, words in (example.partition("```") for example in examples):
        yaml = {"content-type": "application/yaml"}
        made = client.post("/api/workflows", content=text, headers=yaml)
        assert (made.status_code, made.json().get("warnings", [])) == (201, []), made.text
        said = STARTED.findall(words)
        assert said
        for given, how, wanted in said:
            body: Any = {"data": json.loads(given)}
            run = client.post(f"/api/workflow/start/{made.json()['id']}", json=body).json()
            if how == "ends":
                assert run["result"] == json.loads(wanted), run
            else:
                assert (run["status"], run["currentStepId"]) == ("paused", wanted)


def test_a_description_over_two_lines_is_found() -> None:
    text = 'Started with\n`{"a": 1}` it\nends with `{"b": 2}`. Started with `{}` it waits in `ask`.'
    assert STARTED.findall(text) == [('{"a": 1}', "ends", '{"b": 2}'), ("{}", "waits", "ask")]
