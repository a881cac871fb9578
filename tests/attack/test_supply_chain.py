"""Every dependency has a documented reason, and a failed audit never looks like a clean one."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.attack.trap import Gives, Got, Trap

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower()


EXTRAS = [item for items in PROJECT["optional-dependencies"].values() for item in items]
DIRECT = {name_of(item) for item in (*PROJECT["dependencies"], *EXTRAS)} - {
    "stepwell-client",
    "stepwell",
}


def reasons() -> dict[str, str]:
    served = (ROOT / "docs" / "dependencies.md").read_text().partition("## What the console has")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", served, re.MULTILINE)
    return dict(rows)


def imported() -> set[str]:
    found = set()
    for package in ("app", "engine", "journal", "steps", "stepwell"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
                elif isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
    return found


def test_every_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    given = reasons()
    assert set(given) == DIRECT
    assert all(len(why) > 10 for why in given.values())


def test_every_dependency_is_imported_and_every_import_is_pinned() -> None:
    known = packages_distributions()
    names = {name for module in imported() for name in known.get(module, [])}
    used = {name.lower().replace("_", "-") for name in names} - {"stepwell", "stepwell-client"}
    assert DIRECT - used == set()
    # A module may import a pinned transitive dependency whose types its library returns.
    pinned = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    )
    assert used - pinned == set()


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(ROOT / "scripts" / "audit.py"), *arguments]
    return subprocess.run(script, capture_output=True, text=True, check=False)


def database(vulnerable: str | None) -> Trap:
    def answer(got: Got) -> Gives:
        queries = json.loads(got.body)["queries"]
        results = [
            {"vulns": [{"id": "GHSA-test"}]} if query["package"]["name"] == vulnerable else {}
            for query in queries
        ]
        return Gives(body=json.dumps({"results": results}).encode())

    return Trap(answer)


def test_the_audit_checks_every_pinned_package_and_reports_findings() -> None:
    pins = len(re.findall(r"^[\w.-]+==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    with database("starlette") as service:
        found = audit("--service", service.address)
        assert (found.returncode, "starlette" in found.stdout) == (1, True)
        assert len(json.loads(service.got[0].body)["queries"]) == pins
    with database(None) as service:
        clean = audit("--service", service.address, "--if-reachable")
        assert (clean.returncode, f"{pins} packages audited, 0" in clean.stdout) == (0, True)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"garbage", b'{"results": []}', b'{"results": 7}'])
def test_a_failed_audit_does_not_look_like_a_clean_one(body: bytes) -> None:
    with Trap(lambda _: Gives(body=body)) as service:
        assert audit("--service", service.address).returncode == 3
        lenient = audit("--service", service.address, "--if-reachable")
        assert (lenient.returncode, lenient.stdout.startswith("NOT AUDITED")) == (0, True)
    unreachable = audit("--service", "http://127.0.0.1:1")
    assert (unreachable.returncode, "NOT AUDITED" in unreachable.stdout) == (3, True)
