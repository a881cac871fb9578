"""The rules for the layout of the code, each with a proof that its check can fail."""

import ast
import os
import re
import subprocess
import tomllib
from functools import cache, lru_cache
from pathlib import Path

import pytest

from app.cli.main import GROUPS
from steps import STABLE
from steps.registry import BUILT_IN

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "engine", "journal", "steps", "stepwell")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


@lru_cache(maxsize=1)
def nodes_of(source: str) -> list[ast.AST]:
    """Return all parts of a source; several rules look at the same one after the other."""
    return list(ast.walk(ast.parse(source)))


@cache
def imports_of(source: str) -> set[str]:
    """Return every module of the project that a source imports, at any position."""
    found = set()
    for node in nodes_of(source):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.partition(".")[0] in PACKAGES}


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules that remain when those without imports are removed repeatedly."""
    left = {name: set(wanted) & set(graph) - {name} for name, wanted in graph.items()}
    while free := [name for name, wanted in left.items() if not wanted]:
        for name in free:
            del left[name]
        for wanted in left.values():
            wanted.difference_update(free)
    return sorted(left)


def long_functions(source: str) -> list[str]:
    """Return the functions of more than 70 lines."""
    return [
        node.name
        for node in nodes_of(source)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno > 70
    ]


def banned_calls(source: str) -> set[str]:
    """Return calls that the project's code must not make."""
    return {
        node.func.id
        for node in nodes_of(source)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("eval", "exec", "compile", "__import__")
    }


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {module_name(file): imports_of(file.read_text()) for file in FILES}
    assert circle_in(graph) == []


def test_the_search_for_circles_finds_one() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_a_file_is_small_and_calls_nothing_banned(file: Path) -> None:
    source = file.read_text()
    assert source.count("\n") <= 400
    assert long_functions(source) == []
    assert banned_calls(source) == set()
    assert not re.search(r"TODO|FIXME|import pickle", source)


def test_the_rules_can_fail() -> None:
    assert banned_calls("eval('1')") == {"eval"}
    assert long_functions("def f():\n" + "    x = 1\n" * 80) == ["f"]


def test_every_module_is_used() -> None:
    used = set().union(*(imports_of(file.read_text()) for file in FILES))
    folders = {module_name(file) for file in FILES if file.name == "__init__.py"}
    entries = {"app.cli.main", *PACKAGES, *folders, *STABLE}
    entries |= {"app.tools.extraction", "app.tools.extraction.__main__", "stepwell.__main__"}
    entries |= {f"app.cli.{name}" for name in ("local", "remote", *GROUPS)}
    entries |= {f"steps.{name}" for name, _ in BUILT_IN.values()}
    unused = {module_name(file) for file in FILES} - used - entries
    assert unused == set()


def test_requirements_are_hashed_and_name_no_index() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-dist.txt"):
        text = (ROOT / name).read_text()
        assert "--hash=sha256:" in text
        assert not re.search(r"index-url|find-links|https?://|file:", text)


def pinned(name: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9._-]+==[^ ;]+", (ROOT / name).read_text(), re.MULTILINE))


def test_the_distribution_contains_the_packages_of_the_server() -> None:
    assert pinned("requirements.txt") - pinned("requirements-dist.txt") == set()


def test_what_the_tests_install_contains_the_packages_of_the_server() -> None:
    server, tests = (
        {pin.partition("==")[0] for pin in pinned(name)}
        for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert server - tests == set()


PAGE = (ROOT / "docs" / "architecture.md").read_text()
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]


def rows_of(page: str, heading: str) -> list[set[str]]:
    """Return the names in the first column of the first table below a heading, by row."""
    section = page.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    table = re.split(r"\n(?!\|)", section[section.index("\n| --- ") :].lstrip("\n"))[0]
    cells = [line.split(" | ")[0] for line in table.splitlines()[1:]]
    return [
        {name.strip("/") for name in re.findall(r"`([^` ]+?)(?:\.py)?`", cell)} for cell in cells
    ]


def out_of_order(rows: list[set[str]], layers: list[str]) -> list[str]:
    """Return the layers whose names stand in the page above a name of a higher layer."""
    wrong, reached = [], 0
    for layer in layers:
        at = [n for n, row in enumerate(rows) if row & set(layer.replace(" ", "").split("|"))]
        if at and min(at) < reached:
            wrong.append(layer)
        reached = max([reached, *at])
    return wrong


@pytest.mark.parametrize("package", ["journal", "steps", "app", "app.execution"])
def test_the_page_names_each_folder_in_the_order_of_the_import_rules(package: str) -> None:
    rows = rows_of(PAGE, f"### `{package.replace('.', '/')}`")
    folder = ROOT / package.replace(".", "/")
    folders = {file.parent.name for file in folder.glob("*/__init__.py")}
    assert folders - set().union(*rows) == set()
    (layers,) = [one["layers"] for one in CONTRACTS if one.get("containers") == [package]]
    assert out_of_order(rows, layers) == []


def test_the_page_names_each_folder_of_tests() -> None:
    section = PAGE.split("## Where tests are\n", 1)[1].split("\n## ", 1)[0]
    named = set(re.findall(r"`(\w+)/`", section))
    places = [place for place in (ROOT / "tests").iterdir() if place.name[0] not in "_."]
    folders = {place.name for place in places if place.is_dir()}
    assert folders - named == set()
    gone = [name for name in named - folders if not (ROOT / "tests/contract" / name).is_dir()]
    assert gone == []


def test_a_folder_out_of_order_is_found() -> None:
    page = (
        "### `p`\n\n| f | w |\n| --- | --- |\n| `a/`, `b.py` | x `c/` |\n| `c/` | y |\n\nend `d/`\n"
    )
    assert rows_of(page, "### `p`") == [{"a", "b"}, {"c"}]
    assert out_of_order(rows_of(page, "### `p`"), ["c", "a | b"]) == ["a | b"]


def test_the_changelog_lists_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_import_rules_hold() -> None:
    tool = ROOT / ".venv" / "bin" / "lint-imports"
    here = {**os.environ, "PYTHONPATH": ""}
    checked = subprocess.run([tool], cwd=ROOT, env=here, check=False, capture_output=True)
    assert checked.returncode == 0, checked.stdout
