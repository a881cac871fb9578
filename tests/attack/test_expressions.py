"""Hostile expressions reach nothing outside their data, end soon and never crash the process."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.attack.evaluating import CANARY
from tests.attack.payloads import BOMBS, WORDS, fixed, grown
from tests.harness.server import Server

SEED = int(os.environ.get("STEPWELL_SEED", random.randrange(2**32)))
GROWN = int(os.environ.get("STEPWELL_FUZZ_EXPRESSIONS", "500"))
SLOWEST = 60
"""In processor time, as a multiple of 500,000 turns of a plain loop in the same process."""

FOREIGN = re.compile(
    rf"<class|<function|<module|<built-in|<bound|object at 0x|{CANARY}|root:x:|site-packages|Traceback"
)


def evaluated(texts: list[str], folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Evaluate in a separate process; if it crashes, fail and name the expression.

    `cost` of a result is its processor time as a multiple of the reference.
    """
    file = folder / "expressions.json"
    file.write_text(json.dumps(texts))
    done = subprocess.run(
        [sys.executable, "-m", "tests.attack.evaluating", str(file)],
        capture_output=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines[-1], done.stderr[-500:])
    reference_ms = lines[-1].pop("reference_ms")
    assert lines[-1] == {"unchanged": True}
    reported = lines[:-1]
    return [
        (asked["text"], {**reported, "cost": reported["ms"] / reference_ms})
        for asked, reported in zip(reported[::2], reported[1::2], strict=True)
    ]


def judge(results: list[tuple[str, dict[str, Any]]]) -> None:
    wrong = [
        (text, reported)
        for text, reported in results
        if "crash" in reported
        or reported.get("error") == ""
        or reported["cost"] > SLOWEST
        or FOREIGN.search(reported.get("value", ""))
    ]
    text, slowest = max(results, key=lambda item: float(item[1]["cost"]))
    print(
        f"{len(results)} expressions, slowest {slowest['cost']:.1f} ({slowest['ms']:.0f} ms): {text[:100]!r}"
    )
    assert wrong == []


def test_known_attacks_reach_nothing_and_end_soon(tmp_path: Path) -> None:
    texts = list(fixed())
    assert len(texts) > 5_000
    results = evaluated(texts, tmp_path)
    judge(results)
    # A Python attribute name is read as a key of the data, never as an attribute.
    inside = [
        (text, reported)
        for text, reported in results
        if re.search(r"\.(__\w+__|mro|gi_frame|f_globals)$", text) and "data.d" not in text
    ]
    assert len(inside) > 100
    assert [(text, reported) for text, reported in inside if "value" in reported] == []


def test_random_expressions_end_soon(tmp_path: Path) -> None:
    print(f"STEPWELL_SEED={SEED}")
    judge(evaluated(list(grown(SEED, GROWN)), tmp_path))


HOSTILE = [
    "{{ 7 * 7 }}", "{{ data.other }}", "{{ secrets.TOKEN }}", "{% if 1 %}x{% endif %}", "{# x #}", "}}{{ 1 }}",
    "{{ '{{ 1 }}' }}", "${7*7}", "<%= 7 %>", "#{7*7}", "{{", "}}", "\\{{ 1 }}", "{{\n1\n}}", "{{ data | tojson }}",
]  # fmt: skip


def test_data_from_people_is_never_evaluated(shared: Server) -> None:
    """Data, answers, child runs and output fields pass on text with braces unchanged."""
    child = {
        "id": "child", "name": "Child", "initialStep": "end",
        "steps": [{"id": "end", "type": "end-flow", "result": {"got": "{{ data.x }}"}}],
    }  # fmt: skip
    flow = {
        "name": "Twice", "initialStep": "ask",
        "steps": [
            {"id": "ask", "type": "collect-inputs", "output": {"answer": {"type": "string"}}},
            {"id": "call", "type": "call-workflow", "workflowId": "child", "collect": "result",
             "data": {"x": "{{ data.x }}"}, "output": {"back": {"type": "string", "value": "{{ result.got }}"}}},
            {"id": "end", "type": "end-flow", "result": {"all": ["{{ data.x }}", "<{{ data.x }}>", "{{ data.answer }}", "{{ data.back }}"]}},
        ],
        "edges": [{"from": "ask", "to": "call"}, {"from": "call", "to": "end"}],
    }  # fmt: skip
    with shared.client() as client:
        client.put("/api/secrets/TOKEN", json={"value": "canary-of-a-secret"})
        assert client.post("/api/workflows", json=child).status_code == 201
        made = client.post("/api/workflows", json=flow).json()
        for text in HOSTILE:
            run = client.post(
                f"/api/workflow/start/{made['id']}", json={"data": {"x": text, "other": "wrong"}}
            ).json()
            answer = {"type": "collect_inputs", "data": {"answer": text}}
            client.post(f"/api/workflow/resume/{run['runId']}", json=answer)
            status = _settled(shared, client, run["runId"])
            assert status["result"]["all"] == [text, f"<{text}>", text, text]


def _settled(server: Server, client: Any, run_id: str) -> Any:
    from tests.harness.server import settled

    return settled(client, run_id, "completed", "failed")


def test_hostile_definitions_are_refused_or_fail_their_own_run_only(shared: Server) -> None:
    """Use HTTP: an expression that crashes its process would crash the server."""
    statuses = set()
    with shared.client() as client:
        for text in [*BOMBS, *WORDS]:
            document = {
                "name": "Bomb", "initialStep": "end", "payload": {},
                "steps": [{"id": "end", "type": "end-flow", "result": {"x": f"{{{{ {text} }}}}"}}],
            }  # fmt: skip
            made = client.post("/api/workflows", json=document)
            assert made.status_code in (201, 400), (text, made.text)
            statuses.add(made.status_code)
            if made.status_code == 201:
                data = {
                    "b": "x" * 100_000,
                    "many": [0] * 10_000,
                    "l": [1],
                    "s": "x",
                    "u": "{{ 1 }}",
                }
                run = client.post(f"/api/workflow/start/{made.json()['id']}", json={"data": data})
                assert run.status_code == 200, (text, run.text)
                assert run.json()["status"] in ("completed", "failed")
    assert statuses == {201, 400}
    assert shared.process is not None
    assert shared.process.poll() is None
    assert "Traceback" not in shared.log.read_text()


@pytest.mark.parametrize(("condition", "expected"), [
    ("data.x", "b"), ("data.x != 1", "b"), ("data.x is string", "b"), ("data.x in data", "c"),
])  # fmt: skip
def test_conditions_are_evaluated_in_the_same_language(
    shared: Server, condition: str, expected: str
) -> None:
    flow = {
        "name": "Edge", "initialStep": "a",
        "steps": [
            {"id": "a", "type": "collect-inputs", "output": {"x": {"type": "string"}}},
            *({"id": name, "type": "end-flow", "result": {"at": name}} for name in "bc"),
        ],
        "edges": [{"from": "a", "to": "b", "condition": condition}, {"from": "a", "to": "c"}],
    }  # fmt: skip
    with shared.client() as client:
        made = client.post("/api/workflows", json=flow).json()
        for text in HOSTILE:
            run = client.post(
                f"/api/workflow/start/{made['id']}", json={"data": {"x": text}}
            ).json()
            assert (run["result"]["at"] if run["result"] else run["status"]) == expected, (
                text,
                run,
            )
