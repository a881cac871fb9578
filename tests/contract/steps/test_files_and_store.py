"""Files made and sent by runs, and values stored by runs, also across a crash."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import pytest

from tests.harness.echo import Echo
from tests.harness.server import Server, settled
from tests.triggers.conftest import until

REPORT = {
    "name": "Report", "initialStep": "count",
    "payload": {"address": {"type": "string"}, "rows": {"type": "array"}},
    "steps": [
        {"id": "count", "type": "call-tool", "toolId": "store",
         "inputs": {"operation": "increment", "key": "reports"},
         "output": {"number": {"type": "integer", "value": "{{ result.value }}"}}},
        {"id": "table", "type": "call-tool", "toolId": "make-file",
         "inputs": {"name": "rows.csv", "format": "csv", "content": "{{ data.rows }}"},
         "output": {"table": {"type": "file", "value": "{{ result.fileId }}"}}},
        {"id": "pack", "type": "call-tool", "toolId": "zip",
         "inputs": {"name": "all.zip", "files": ["{{ data.table }}"]},
         "output": {"archive": {"type": "file", "value": "{{ result.fileId }}"}}},
        {"id": "send", "type": "call-api", "method": "POST", "url": "{{ data.address }}/200",
         "multipart": {"report": {"file": "{{ data.table }}"}}, "saveAs": "file", "fileName": "reply.json",
         "output": {"reply": {"type": "object", "value": "{{ response.file }}"}}},
        {"id": "again", "type": "call-api", "method": "POST", "url": "{{ data.address }}/200",
         "file": "{{ data.reply.fileId }}",
         "output": {"said": {"type": "string", "value": "{{ response.body.body }}"}}},
        {"id": "wait", "type": "wait", "duration": "1s"},
        {"id": "end", "type": "end-flow",
         "result": {"number": "{{ data.number }}", "reply": "{{ data.reply }}", "said": "{{ data.said }}"}},
    ],
    "edges": [{"from": one, "to": other} for one, other in (
        ("count", "table"), ("table", "pack"), ("pack", "send"), ("send", "again"), ("again", "wait"),
        ("wait", "end"))],
}  # fmt: skip


FETCH = {
    "name": "Fetch", "initialStep": "fetch", "payload": {"address": {"type": "string"}},
    "steps": [
        {"id": "fetch", "type": "call-api", "url": "{{ data.address }}/all.bin", "saveAs": "file"},
        {"id": "end", "type": "end-flow", "result": {"file": "{{ steps.fetch.output.file }}"}},
    ],
    "edges": [{"from": "fetch", "to": "end"}],
}  # fmt: skip
HALF = bytes(3_000_000)


class Halting:
    """Sends half of a body and stops at the first request; completes it from the second on."""

    def __init__(self) -> None:
        self.halves, self._over = 0, threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-length", str(2 * len(HALF)))
                self.end_headers()
                self.wfile.write(HALF)
                outer.halves += 1
                if outer.halves == 1:
                    outer._over.wait(60)
                self.wfile.write(HALF)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign] # it has gone away
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def halting() -> Iterator[Halting]:
    with Halting() as running:
        yield running


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    with Echo() as running:
        yield running


@pytest.mark.data_folder
def test_files_are_made_zipped_sent_and_stored_and_counted_once(
    server: Server, echo: Echo, halting: Halting
) -> None:
    data = {"address": echo.address, "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}
    with server.client() as client:
        made = client.post("/api/workflows", json=REPORT)
        assert made.status_code == 201, made.text
        start = f"/api/workflow/start-async/{made.json()['id']}"
        first = client.post(start, json={"data": data}).json()["runId"]
        settled(client, first, "completed")
        second = client.post(start, json={"data": data}).json()["runId"]
        client.post("/api/workflows", json=FETCH).raise_for_status()
        fetching = client.post(
            "/api/workflow/start-async/fetch", json={"data": {"address": halting.address}}
        ).json()["runId"]
        incoming = server.data / "files" / "incoming"
        until(
            lambda: sum(file.stat().st_size for file in incoming.glob("*")),
            lambda size: size > 2_000_000,
        )
    server.kill()
    assert list(incoming.iterdir()), "the kill was in the middle of the file"
    server.start()
    with server.client() as client:
        fetched = settled(client, fetching, "completed")["result"]["file"]
        assert (fetched["fileName"], fetched["size"]) == ("all.bin", 2 * len(HALF))
        assert client.get(f"/api/workflow/files/{fetched['fileId']}").content == HALF + HALF
        assert halting.halves == 2
        assert list(incoming.iterdir()) == []
        numbers = [settled(client, run, "completed")["result"]["number"] for run in (first, second)]
        assert numbers == [1, 2]
        result = settled(client, second, "completed")["result"]
        assert (result["reply"]["fileName"], result["reply"]["mimeType"]) == (
            "reply.json", "application/json",
        )  # fmt: skip
        assert "a,b\r\n1,x\r\n2,y\r\n" in json.loads(result["said"])["body"]
        third = client.post(start, json={"data": data}).json()["runId"]
        assert settled(client, third, "completed")["result"]["number"] == 3
