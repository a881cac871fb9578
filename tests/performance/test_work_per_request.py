"""The cost of a request outside the engine, in calls of Python functions."""

import json
from pathlib import Path

import pytest

from app.assembly import open_services
from app.auth.keys import new_key
from app.settings.server import load
from app.telemetry import log_output
from app.web.application import application
from benchmarks.definitions import five
from tests.conftest import PLUGIN
from tests.harness.connection import Connection
from tests.harness.request_work import counted


@pytest.mark.parametrize(
    ("what", "most", "most_of_http"),
    [("health", 53, 40), ("status", 192, 100), ("start", None, 111)],
)
async def test_a_request_takes_few_calls(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    most: int | None,
    most_of_http: int,
) -> None:
    settings = load({"data": tmp_path, "plugins": [PLUGIN]}).settings
    monkeypatch.setitem(log_output.REQUESTS_SHOWN, "so", False)  # the default settings
    async with open_services(settings) as services:
        key, row = new_key("acme", "owner", "k", services.clock.now_ms())
        await services.journal.keys.create(row)
        await services.authenticator.load()
        await services.workflows.create("acme", five())
        connection = Connection(application(services, "http://x"), settings)
        fields = f"host: x\r\nx-api-key: {key}\r\nx-tenant-id: acme\r\n"
        body = b'{"data":{}}'
        start = (
            f"POST /api/workflow/start/five HTTP/1.1\r\n{fields}content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode() + body
        run = json.loads((await connection.ask(start)).rpartition(b"\r\n\r\n")[2])
        assert run["status"] == "completed"
        requests = {
            "health": b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
            "status": f"GET /api/workflow/status/{run['runId']} HTTP/1.1\r\n{fields}\r\n".encode(),
            "start": start,
        }
        calls = await counted(connection, requests[what])
        print(f"{what}: {calls.all} calls, {calls.of_http} of HTTP")
        assert 10 < calls.of_http <= most_of_http
        assert most is None or calls.all <= most
        await services.runs.close(1)
