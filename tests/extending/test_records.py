"""Records of third-party step types may have any content; the status still shows the run."""

from pathlib import Path

from tests.extending.test_guide import create
from tests.harness.server import Server

STEP = """
from steps import Done, StepSettings, StepType

ODD = [
    {"tool": "hammer"}, {"tool": "saw", "ok": True}, {"model": "T", "usage": 3}, {"approved": 1},
    {"model": "T", "usage": {"inputTokens": "many"}}, {"tool": 1, "ok": 2, "durationMs": "x"}, [1], None, "text",
    {"model": "T", "usage": {}, "latencyMs": None},
]

class Settings(StepSettings):
    pass

class Records(StepType[Settings]):
    type = "records"
    settings = Settings

    async def execute(self, settings, step, effects):
        async def give(value):
            return value
        for number, value in enumerate(ODD):
            await effects.record(f"odd-{number}", lambda value=value: give(value))
        return Done({"kept": effects.recalled("odd-0")})
"""


def test_odd_records_do_not_break_the_status(tmp_path: Path) -> None:
    plugin = tmp_path / "records.py"
    plugin.write_text(STEP)
    with Server(tmp_path / "data", plugin) as server, server.client() as client:
        create(client, "odd", {"type": "records"})
        outcome = client.post("/api/workflow/start/odd").json()
        assert outcome["status"] == "completed", outcome
        answer = client.get(f"/api/workflow/status/{outcome['runId']}")
        assert answer.status_code == 200, answer.text
        (entry, _) = answer.json()["stepExecutionHistory"]
        assert entry["outputData"] == {"kept": {"tool": "hammer"}}
