"""Random agent visits under a budget, with kills: a budget is exceeded by one answer at most."""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conftest import PLUGIN
from tests.contract.agents.test_spending import PRICES
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import Server, settled
from tests.harness.workflows import create, straight

SEED = int(os.environ.get("STEPWELL_SEED", "1"))

_MOST_TOKENS = 8
_BUDGET = 3.0
_LONGEST = (40 * PRICES["input"] + _MOST_TOKENS * PRICES["output"]) / 1_000_000


class Random:
    """A model that answers at random and adds up the cost."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.cost = 0.0
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Reply:
        with self.lock:
            tokens_in, tokens_out = self.chance.randint(5, 40), self.chance.randint(1, _MOST_TOKENS)
            kind, delay_s = self.chance.random(), self.chance.choice([0, 0.01, 0.05])
            if kind < 0.1:
                return Reply("busy", status=503)
            self.cost += (tokens_in * PRICES["input"] + tokens_out * PRICES["output"]) / 1_000_000
        names = [tool["function"]["name"] for tool in request.body.get("tools", ())]
        wanted: list[Any] = [(name, {}) for name in names if name != "deliver"]
        if kind < 0.3 or not names:
            wanted = [("deliver", {"answer": 1})] if names else []
        said: dict[str, Any] = {"input_tokens": tokens_in, "output_tokens": tokens_out}
        return Reply("" if wanted else "Yes.", tool_calls=wanted, delay_s=delay_s, **said)


def test_random_visits_exceed_a_budget_by_one_answer_at_most(tmp_path: Path) -> None:
    answers = Random(SEED)
    with (
        ModelServer(answers) as models,
        Server(tmp_path / "data", PLUGIN) as server,
        server.client() as client,
    ):
        model = {"provider": "openai", "baseUrl": models.openai, "model": "m", "retries": 1,
                 "prices": PRICES, "maxTokens": _MOST_TOKENS}  # fmt: skip
        client.put("/api/models/m", json=model)
        ask = {"id": "ask", "type": "call-llm", "prompt": "?"}
        create(client, "asks", [ask], straight("ask"), tool=True)
        output = {"answer": {"type": "integer"}}
        both: Any = {"instructions": "W.", "output": output, "tools": [{"workflow": "asks"}]}
        for name, more in (("two", {}), ("one", {"handoffs": ["two"]})):
            document = {"id": name, "name": name, **both, **more}
            assert client.post("/api/agents", json=document).status_code == 201
        work = {"id": "work", "type": "call-agent", "agentId": "one", "message": "Work."}
        create(client, "works", [work], straight("work"))
        client.put("/api/budgets", json={"workflowId": None, "month": _BUDGET})
        with ThreadPoolExecutor(4) as together:
            started = together.map(
                lambda _: client.post("/api/workflow/start-async/works", json={}).json(), range(8)
            )
        runs = [str(one["runId"]) for one in started]
        time.sleep(answers.chance.uniform(0.05, 0.3))
        server.kill()
        server.start()
        ends = [settled(client, run)["status"] for run in runs]
        assert len(models.requests) > 8
        assert answers.cost <= _BUDGET + _LONGEST, ends
        reported = client.get("/api/usage").json()["total"]["cost"]
        # A request that a kill interrupted counts at least its prompt.
        assert reported <= _BUDGET + _LONGEST
        assert "paused" in ends, ends
