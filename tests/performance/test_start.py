"""What a start loads, counted in modules: time would hang on the machine."""

import json
import subprocess
import sys

LATER = (
    "anthropic", "boto3", "botocore", "jinja2", "jwt", "mcp", "openai", "olefile", "pypdfium2",
    "prometheus_client", "python_calamine", "app.wire.run_answers", "app.web.api.openapi",
)  # fmt: skip
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
import app.server
modules = sorted(name for name, module in sys.modules.items() if module is not None)
print(json.dumps([len(made), modules]))
"""


def test_a_start_loads_what_it_needs_and_no_more() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTED], capture_output=True, text=True, check=True, timeout=120
    )
    compiled, modules = json.loads(done.stdout)
    loaded = set(modules)
    print(f"{len(loaded)} modules, {compiled} functions compiled from text")
    assert not loaded.intersection(LATER)
    assert 500 < len(loaded) <= 1_095
    assert 200 < compiled <= 750  # a class of values has one such function, a frozen one has six
