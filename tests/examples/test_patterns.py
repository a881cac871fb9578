"""The documents of `examples/patterns`: each runs as expected, with a kill -9 in the middle."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from scripts import patterns_page
from tests.examples.patterns import FILES, PATTERNS, Patterns, read, wanted_runs
from tests.examples.services import SECRET, Services
from tests.harness.mail import MailServer
from tests.harness.model_server import ModelServer, Reply, Request
from tests.harness.server import TRUST
from tests.triggers.conftest import Clocked

PEOPLE = ("Ann", "Ben")
NOTED = Reply(tool_calls=[("store", {"operation": "put", "key": "complaint", "value": "lamp"})])


def said(request: Request) -> Reply:
    """Answer as the model of the patterns' agent: call a tool, then deliver."""
    names = [tool["function"]["name"] for tool in request.body.get("tools", ())]
    if not names:
        return Reply("short", input_tokens=10, output_tokens=10)
    if request.body["messages"][-1]["role"] != "tool":
        return NOTED
    return Reply(tool_calls=[("deliver", {"answer": "We have noted it."})])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Patterns, httpx.Client]]:
    """Run all patterns at once, with one kill -9, and return their final state."""
    folder = tmp_path_factory.mktemp("patterns")
    with ExitStack() as stack:
        services = stack.enter_context(Services())
        model = stack.enter_context(ModelServer(said))
        mail = MailServer(folder, data_answer="451 try again")
        mail.controller.start()
        stack.callback(mail.controller.stop)
        server = Clocked(folder)
        prices = {"input": 100, "output": 100}
        models = {
            "default": {
                "provider": "openai",
                "model": "m",
                "baseUrl": model.openai,
                "prices": prices,
            }
        }
        server.environment |= {
            "STEPWELL_MODELS": json.dumps(models),
            "STEPWELL_PUBLIC_URL": server.address,
            "STEPWELL_CALL_RATES": json.dumps({"tool:make-file": "50/s"}),
            **{f"STEPWELL_{name.upper()}": str(value) for name, value in mail.settings().items()},
        }
        stack.enter_context(server)
        wanted = wanted_runs()
        services.held = {
            one.expect["killed"]["at"] for one in wanted if "at" in one.expect.get("killed", ())
        }
        owner = stack.enter_context(server.client())
        clients = {"": owner, **{name: stack.enter_context(_as(owner, name)) for name in PEOPLE}}
        _load(owner, services.address)
        patterns = Patterns(
            wanted, server.data / "journal.sqlite3", services, lambda: mail.messages
        )
        patterns.begin(owner)
        patterns.until_killable(clients)
        server.kill()
        services.release()
        mail.data_answer = "250 kept"
        server.start()
        days = iter(range(1, 1_000))
        patterns.until_over(clients, lambda: server.at(time.time() + 86_400 * next(days)))
        yield patterns, owner


def _as(owner: httpx.Client, name: str) -> httpx.Client:
    made = owner.post("/api/keys", json={"role": "operator", "name": name}).json()
    headers = {**owner.headers, "x-api-key": made["key"]}
    return httpx.Client(base_url=owner.base_url, headers=headers, timeout=60, verify=TRUST)


def _load(client: httpx.Client, services: str) -> None:
    client.put("/api/secrets/SHOP", json={"value": SECRET}).raise_for_status()
    client.put("/api/variables/services", json={"value": services}).raise_for_status()
    for kind, files in (
        ("agents", sorted(PATTERNS.glob("*.agent.yaml"))),
        ("workflows", FILES),
    ):
        for file in files:
            media_type = f"application/{file.suffix[1:]}"
            made = client.post(
                f"/api/{kind}", content=file.read_text(), headers={"content-type": media_type}
            )
            assert made.status_code == 201, (file.name, made.text)
            assert made.json().get("warnings", []) == [], file.name
    for kind in ("schedule", "trigger"):
        for file in PATTERNS.glob(f"*.{kind}.yaml"):
            name = file.name.partition(".")[0]
            made = client.put(f"/api/{kind}s/{name}", json=read(file))
            assert made.status_code == 201, (file.name, made.text)


@pytest.mark.parametrize("pattern", [file.stem for file in FILES])
def test_a_pattern_ends_as_expected(pattern: str, played: tuple[Patterns, httpx.Client]) -> None:
    patterns, client = played
    runs = [one for one in patterns.wanted if one.pattern == pattern]
    assert any("killed" in one.expect or "startedByTrigger" in one.expect for one in runs)
    assert {one.name: list(patterns.differences(client, one)) for one in runs} == {
        one.name: [] for one in runs
    }


def test_the_page_lists_every_pattern() -> None:
    listed = [name for names in patterns_page.GROUPS.values() for name in names]
    assert sorted(listed) == sorted(file.stem for file in FILES)
