"""Traces and log lines pass through a third-party collector to the one of these tests.

Run by `make collector-test` only: STEPWELL_COLLECTOR is the path of the Rotel program.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.collector import Collector
from tests.harness.server import Server, free_port, settled

ROTEL = os.environ.get("STEPWELL_COLLECTOR")
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FLOW = {
    "name": "Traced", "initialStep": "set",
    "steps": [{"id": "set", "type": "set", "values": {"x": 1}}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "set", "to": "end"}],
}  # fmt: skip

pytestmark = pytest.mark.skipif(ROTEL is None, reason="make collector-test has the collector")


@contextmanager
def rotel(behind: str) -> Iterator[str]:
    """Yield the address of a collector that forwards everything to another."""
    assert ROTEL is not None
    address = f"127.0.0.1:{free_port()}"
    reported = [
        ROTEL, "start", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}",
        "--otlp-http-endpoint", address, "--exporter", "otlp", "--otlp-exporter-protocol", "http",
        "--otlp-exporter-endpoint", behind,
    ]  # fmt: skip
    with subprocess.Popen(reported, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


def test_another_collector_accepts_and_forwards_spans_and_log_lines(tmp_path: Path) -> None:
    with Collector() as behind, rotel(behind.address) as address:
        settings = {
            "STEPWELL_OTLP_ENDPOINT": address,
            "STEPWELL_OTLP_LOGS": "true",
            "STEPWELL_LOG_LEVEL": "info",
        }
        with Server(tmp_path / "data", PLUGIN, **settings) as server, server.client() as client:
            assert client.post("/api/workflows", json=FLOW).status_code == 201
            sent = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
            started: httpx.Response = client.post(
                "/api/workflow/start-async/traced", json={}, headers=sent
            )
            settled(client, started.json()["runId"], "completed")
            until = time.monotonic() + 20
            while not (behind.lines and len(behind.spans) == 3):
                assert time.monotonic() < until, (behind.spans, behind.lines)
                time.sleep(0.05)
    spans = {span["name"]: span for span in behind.spans}
    run = spans["run traced"]
    assert (run["trace"], run["parent"]) == (TRACE, CALLER)
    assert {spans[name]["parent"] for name in ("set set", "end-flow end")} == {run["id"]}
    assert behind.resources == {"stepwell"}
