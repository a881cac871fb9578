"""Evaluate hostile expressions in a separate process with a memory limit.

Read a JSON list of expressions from a file and print one JSON line before and one after each
evaluation: if an expression crashes the process, the last line names it.
"""

import json
import resource
import sys
import time
from pathlib import Path

from engine import Json
from steps.language.expression import ExpressionError
from steps.language.template import Template

MEMORY = 1 << 30
CANARY = "canary-in-python"
BIG = "x" * 200_000
SCOPE: dict[str, Json] = {
    "data": {
        "s": "text", "b": BIG, "n": 7, "f": 1.5, "l": [3, 1, 2], "many": [0] * 20_000, "t": True, "z": None,
        "d": {"a": 1, "__class__": "mine", "clear": "mine"}, "u": "{{ run.id }} {% if 1 %} {{ secrets.TOKEN }}",
        "deep": "[" * 900 + "]" * 900, "half": '"\\ud800"', "strings": ["abc"] * 5_000, "huge": 2**53,
    },
    "steps": {"a-b": {"output": {"ok": True}}},
    "context": {}, "run": {"id": "dynamic-workflow-1"}, "item": {"x": 1}, "index": 0,
    "response": {"status": 200, "body": [{"k": "v"}]},
}  # fmt: skip


def evaluate(text: str) -> dict[str, Json]:
    began = time.process_time()
    try:
        value = Template("{{ " + text + " }}").render(SCOPE)
        reported: dict[str, Json] = {"value": json.dumps(value, ensure_ascii=False)[:2_000]}
    except ExpressionError as failed:
        reported = {"error": str(failed)[:2_000]}
    except BaseException as crash:  # noqa: BLE001 - also panics of the library
        reported = {"crash": f"{type(crash).__name__}: {crash}"[:500]}
    return {**reported, "ms": (time.process_time() - began) * 1_000}


def reference_ms() -> float:
    """Return how long this machine takes for 500,000 turns of a plain loop."""

    def once() -> float:
        began = time.process_time()
        for _ in range(500_000):
            pass
        return (time.process_time() - began) * 1_000

    return min(once() for _ in range(5))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    before = json.dumps(SCOPE)
    reference = reference_ms()
    for text in json.loads(Path(sys.argv[1]).read_text()):
        print(json.dumps({"text": text}), flush=True)
        print(json.dumps(evaluate(text)), flush=True)
    reference = max(reference, reference_ms())
    print(json.dumps({"unchanged": before == json.dumps(SCOPE), "reference_ms": reference}))


if __name__ == "__main__":
    main()
