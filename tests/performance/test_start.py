"""The modules that a start imports, counted, since time depends on the machine."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

LATER = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"]["ruff"][
    "lint"
]["flake8-tidy-imports"]["banned-module-level-imports"]
"""What is loaded when it is first needed."""

COUNTED = """
import builtins, json, sys
made, run = [], builtins.exec
def counted(source, *given):
    made.extend([source] if isinstance(source, str) else [])
    return run(source, *given)
builtins.exec = counted
for absent in ("h2", "rich", "trio"):  # which an installation does not have
    sys.modules[absent] = None
import app.cli.local, app.cli.serve
modules = sorted(name for name, module in sys.modules.items() if module is not None)
from pydantic import BaseModel
def built(kind):
    own = [kind.__name__] if kind.__pydantic_complete__ and not kind.__module__.startswith("pydantic") else []
    return sum(map(built, kind.__subclasses__()), own)
print(json.dumps([len(made), modules, built(BaseModel)]))
"""


def test_a_start_imports_only_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True, timeout=120
    )
    compiled, modules, built = json.loads(done.stdout)
    loaded = set(modules)
    print(f"{len(loaded)} modules, {compiled} functions compiled from text")
    assert "difflib" in LATER
    assert not loaded.intersection(LATER)
    assert not [name for name in loaded if name.partition(".")[0] in ("httpx", "stepwell")]
    assert 500 < len(loaded) <= 974
    assert set(built) <= {"RootModel[~_OneOf]", "_Body"}  # other models are built at first use
    assert 200 < compiled <= 402  # value classes get theirs at the first instance
