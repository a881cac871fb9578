"""Processor time and size of the console's pages with a million runs.

python -m benchmarks.own.console_pages [--runs 1000000] [--folder DIR]
"""

import argparse
import http.client
import json
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.own.many_runs import RARE, fill
from benchmarks.stepwell_server import TENANT, StepwellServer

_ROUNDS, _REQUESTS = 3, 10
PAGES = (
    "/overview", "/overview?period=1h", "/overview?period=7d", "/inbox", "/inbox?text=okafor",
    "/inbox?workflowId=asks",
    "/runs", "/runs?status=failed", "/runs?status=paused", "/runs?workflowId=order",
    "/runs?workflowId=order&status=failed", "/runs?sort=-duration", "/runs?sort=-endTime",
    "/runs?text=okafor", "/runs?text=m%C3%BCller+17", "/runs?text=nothing-like-this",
    f"/runs?errorType={RARE}", "/runs?errorType=Timeout", "/runs?stepId=pay",
    "/runs?startedBy=key%3Anobody", "/runs?longerThan=1h", "/runs?waitingFor=retry",
    "/search?q=okafor", "/search?q=ada+lovelace", "/search?q=order",
    "/runs/{order}", "/runs/{asks}", "/runs/{fails}", "/runs/{retries}",
    "/runs/{fails}?explain=data.customer",
    "/workflows", "/workflows/order", "/workflows/order/start", "/workflows/order/edit",
    "/agents", "/settings/health", "/settings/retention", "/settings/schedules",
    "/settings/triggers", "/settings/webhooks", "/settings/people", "/settings/keys",
    "/settings/audit", "/settings/budgets",
)  # fmt: skip


class Browser:
    """A browser that is signed in, over one connection."""

    def __init__(self, server: StepwellServer) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._headers = {"accept": "text/html", "accept-encoding": "gzip"}
        signing_in = urlencode({"tenant": TENANT, "credential": server.headers["x-api-key"]})
        form = {"content-type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/sign-in", signing_in, form)
        answer = self._connection.getresponse()
        answer.read()
        self._headers["cookie"] = str(answer.getheader("set-cookie")).partition(";")[0]

    def get(self, path: str) -> bytes:
        """Return the bytes of a page or a file as they are sent."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        sent = answer.read()
        assert answer.status == 200, (path, answer.status)
        return sent


def measured(server: StepwellServer, paths: dict[str, str]) -> list[tuple[str, float, float, int]]:
    """Return each page with ms of processor time, of the first request and later, and bytes."""
    browser = Browser(server)
    assert server.process
    clock = ~server.process.pid << 3 | 2  # Linux: the processor time of a process

    def busy_ms(path: str, times: int) -> float:
        before = time.clock_gettime(clock)
        for _ in range(times):
            browser.get(path)
        return 1_000 * (time.clock_gettime(clock) - before) / times

    rows = []
    for name, path in paths.items():
        first = busy_ms(path, 1)
        later = min(busy_ms(path, _REQUESTS) for _ in range(_ROUNDS))
        rows.append((name, first, later, len(browser.get(path))))
    return rows


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path, help="kept, and used again")
    options.add_argument("--only", help="a part of the pages' addresses")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        made, kept = folder / "made.json", {}
        if made.exists():
            kept = json.loads(made.read_text())
        server = StepwellServer(folder, {"STEPWELL_ALLOWED_NETWORKS": "127.0.0.0/8"})
        try:
            server.start()
            if not kept:
                kept = fill(server, given.runs)
                made.write_text(json.dumps(kept))
                server.start()
            pages = [path for path in PAGES if not given.only or given.only in path]
            print("| page | ms | first ms | KB |\n| --- | ---: | ---: | ---: |")
            for row in measured(server, {path: path.format(**kept) for path in pages}):
                name, first, later, size = row
                print(f"| `{name}` | {later:.1f} | {first:.0f} | {size / 1_000:.1f} |")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
