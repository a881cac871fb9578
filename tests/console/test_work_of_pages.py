"""The work of a page grows no faster than what it shows, and its statements do not grow at all."""

import json
import sys
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

import pytest

from app.assembly import open_services
from app.auth.keys import new_key
from app.auth.sessions import COOKIE, Browser
from app.services import Services
from app.settings.server import load
from app.web.application import application
from app.web.console.rendering import editable
from journal.connection import Values
from journal.reading.readers import Readers
from tests.conftest import PLUGIN
from tests.console.pages import FIXED
from tests.harness.connection import Connection
from tests.harness.counted_work import calls_of

SIZES = (4, 8, 16)
_ROOM = 100
"""How many more calls may differ from one time to the next."""

_FOR_A_RUN = 90
"""The most calls for each run on the list of runs: no character of a time is looked at by itself."""

_ours: ContextVar[bool] = ContextVar("ours", default=False)
"""Whether what runs is a request of the browser, and not what goes on beside it."""

Send: TypeAlias = Callable[[str, str, Any], Awaitable[Any]]


def workflow(name: str, steps: int) -> dict[str, Any]:
    ids = [f"s{number}" for number in range(steps)]
    edges = [{"from": one, "to": next_one} for one, next_one in pairwise(ids)]
    made = [{"id": one, "type": "set", "values": {"a": 1}} for one in ids[:-1]]
    end = {"id": ids[-1], "type": "end-flow"}
    return {"id": name, "name": name, "initialStep": "s0", "steps": [*made, end], "edges": edges}


async def add(send: Send, services: Services, credential: str, number: int) -> None:
    """Add one object of each kind."""
    agent = {"name": "A", "instructions": "x", "model": "m"}
    hook = {"url": "http://127.0.0.1:9/x", "events": ["step.failed"]}
    model = {"provider": "openai", "baseUrl": "http://127.0.0.1:9/v1", "model": "x"}
    moment = {"workflowId": "versions", "cron": "0 0 1 1 *", "timeZone": "UTC"}
    for method, path, body in (
        ("POST", "keys", {"name": f"k{number}", "role": "viewer"}),
        ("PUT", f"secrets/S{number}", {"value": "x"}),
        ("PUT", f"variables/V{number}", {"value": number}),
        ("PUT", f"models/m{number}", model),
        ("POST", "webhooks", hook),
        ("POST", "workflows", workflow(f"w{number}", 3)),
        ("POST", "agents", {**agent, "id": f"a{number}"}),
        ("PUT", f"schedules/s{number}", moment),
        ("PUT", f"triggers/t{number}", {"workflowId": "versions", "verify": {"preset": "none"}}),
        ("POST", "people", {"name": f"p{number}", "role": "viewer"}),
        ("PUT", "budgets", {"workflowId": f"w{number}", "month": 5}),
        ("PUT", f"views/v{number}", {"query": {"status": "failed"}, "columns": []}),
        ("POST", "signals", {"name": f"n{number}", "data": {}}),
        ("PUT", "workflows/versions", {"description": f"d{number}"}),
        ("PUT", "agents/versions", {"description": f"d{number}"}),
        ("POST", "workflow/start/versions", {"data": {}}),
    ):
        await send(method, f"/api/{path}", body)
    await services.sessions.open("acme", credential, Browser("127.0.0.1", "x"))


async def work_of(connection: Connection, request: bytes, asked: list[str]) -> tuple[int, int]:
    """Return the least calls and statements of a page, whose first request is not counted."""
    found = []
    for number in range(4):
        asked.clear()
        calls = 0

        def note(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call" and _ours.get()

        sys.setprofile(note)
        try:
            answer = await connection.ask(request)
        finally:
            sys.setprofile(None)
        assert answer.split(b" ")[1] == b"200", request
        if number:
            found.append((calls, len(asked)))
    return min(calls for calls, _ in found), min(statements for _, statements in found)


async def test_a_page_works_in_proportion_to_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("all", "one"):
        ask = getattr(Readers, name)

        async def noted(readers: Readers, sql: str, values: Values = (), ask: Any = ask) -> Any:
            if _ours.get():
                asked.append(sql)
            return await ask(readers, sql, values)

        monkeypatch.setattr(Readers, name, noted)
    settings = load({"data": tmp_path, "plugins": [PLUGIN]}).settings
    async with open_services(settings) as services:
        key, row = new_key("acme", "owner", "k", services.clock.now_ms())
        await services.journal.keys.create(row)
        await services.authenticator.load()
        connection = Connection(application(services, "http://x"), settings)

        async def send(method: str, path: str, body: Any) -> Any:
            sent = json.dumps(body).encode()
            head = (
                f"{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nx-tenant-id: acme\r\n"
            )
            more = f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
            answer = await connection.ask((head + more).encode() + sent)
            assert answer.split(b" ")[1].startswith(b"2"), (path, answer)
            return json.loads(answer.rpartition(b"\r\n\r\n")[2])

        mark = _ours.set(True)
        browser = Connection(application(services, "http://x"), settings)
        _ours.reset(mark)
        cookie = await services.sessions.open("acme", key, Browser("127.0.0.1", "x"))
        rest = f"HTTP/1.1\r\nhost: x\r\ncookie: {COOKIE}={cookie}\r\naccept: text/html\r\n\r\n"
        await send("POST", "/api/workflows", workflow("versions", 3))
        agent = {"id": "versions", "name": "A", "instructions": "x", "model": "m"}
        await send("POST", "/api/agents", agent)
        lists = [path for path in FIXED if path.count("/") < 3 and path != "/settings/tools"]
        lists += ["/search?q=w", "/workflows/versions", "/agents/versions"]
        work: dict[str, list[tuple[int, int]]] = {}
        made = 0
        for size in SIZES:
            for number in range(made, size):
                await add(send, services, key, number)
            made = size
            long = f"long{size}"
            await send("POST", "/api/workflows", workflow(long, 4 * size))
            run = (await send("POST", f"/api/workflow/start/{long}", {"data": {}}))["runId"]
            own = {"steps": f"/workflows/{long}", "edited": f"/workflows/{long}/edit", "visits": f"/runs/{run}"}  # fmt: skip
            for name, path in ({path: path for path in lists} | own).items():
                found = await work_of(browser, f"GET {path} {rest}".encode(), asked)
                work.setdefault(name, []).append(found)
        await services.runs.close(1)
    fast, statements = {}, {}
    for name, ((first, _), (second, some), (third, more)) in work.items():
        grown = third - second > 2.5 * max(0, second - first) + _ROOM
        if grown and third > 2.1 * second:
            fast[name] = (first, second, third)
        if more > some + 1:
            statements[name] = (some, more)
    calls = [least for least, _ in work["/runs"]]
    assert (calls[2] - calls[1]) / (SIZES[2] - SIZES[1] + 1) < _FOR_A_RUN
    assert min(least for all_of in work.values() for _, least in all_of) > 0
    assert (fast, statements) == ({}, {})


def test_a_value_that_is_too_long_for_a_field_is_written_only_in_part() -> None:
    """The page of a run tries the data of fifty visits."""
    values = [{f"k{number}": "x" * 800 for number in range(count)} for count in (100, 400)]
    costs = [calls_of(partial(editable, value)) for value in values]
    assert [editable(value) for value in values] == ["{}", "{}"]
    assert costs[1] < 1.2 * costs[0], costs
    assert json.loads(editable(short := {"a": ["\u00e9", 1, None, {}], "b": []})) == short
