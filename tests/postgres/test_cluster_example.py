"""The cluster example as processes: two servers behind HAProxy, a primary, a standby, and S3."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.failover import Pair
from tests.harness.s3 import files_in_s3
from tests.harness.server import TRUST, Server, free_port, settled
from tests.harness.several import processes
from tests.harness.workflows import create, straight

BALANCER = Path(__file__).parents[2] / "examples" / "cluster" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
ASK = {"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}}

pytestmark = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed")


def _settings(servers: list[Server], port: int) -> str:
    """Return the example's settings, with local processes instead of containers."""
    text = BALANCER.read_text()
    text, resolvers = re.subn(r"^resolvers docker\n(?:    .*\n)+", "", text, flags=re.MULTILINE)
    text, uses = re.subn(r" resolvers docker init-addr \S+", "", text)
    text, binds = re.subn("bind :8080", f"bind 127.0.0.1:{port}", text)
    assert (resolvers, uses, binds) == (1, 1, 1)
    for name, server in zip("ab", servers, strict=True):
        text, named = re.subn(f"stepwell-{name}:8080", f"127.0.0.1:{server.port}", text)
        assert named == 1
    return text


@contextmanager
def _balancer(folder: Path, servers: list[Server]) -> Iterator[str]:
    port, file = free_port(), folder / "haproxy.cfg"
    file.write_text(_settings(servers, port))
    assert HAPROXY is not None
    with subprocess.Popen([HAPROXY, "-db", "-f", file]) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _succeeds(ask: Callable[[], httpx.Response]) -> Any:
    """Repeat a request until it succeeds; it is refused while a server is down."""
    until = time.monotonic() + 60
    while True:
        answer = None
        with suppress(httpx.TransportError):
            answer = ask()
            if answer.is_success:
                return answer
            assert answer.status_code >= 500, answer.text
        assert time.monotonic() < until, answer and answer.text
        time.sleep(0.1)


def test_it_serves_after_the_loss_of_one_process_and_then_of_the_primary(tmp_path: Path) -> None:
    with (
        files_in_s3() as files,
        Pair(None) as pair,
        processes(pair.database, tmp_path, 2, **files) as servers,
        _balancer(tmp_path, servers) as address,
        httpx.Client(
            base_url=address,
            headers={"x-api-key": servers[0].key(), "x-tenant-id": "acme"},
            timeout=60,
            verify=TRUST,
        ) as client,
    ):
        _succeeds(lambda: client.get("/readyz"))
        create(client, "asks", [ASK], straight("ask"))
        kept = client.post("/api/workflow/files", files={"attachment": ("a.txt", b"kept in S3")})
        file_id = kept.json()["fileId"]
        runs = []
        for _ in range(6):
            begun = client.post("/api/workflow/start-async/asks", json={}).json()
            settled(client, begun["runId"], "paused")
            runs.append(begun["runId"])

        def answer(run_id: str) -> None:
            body = {"type": "collect_inputs", "data": {"name": "Ada"}}
            once = {"idempotency-key": run_id}
            path = f"/api/workflow/resume/{run_id}"
            _succeeds(lambda: client.post(path, json=body, headers=once))
            until = time.monotonic() + 60
            while True:
                shown = _succeeds(lambda: client.get(f"/api/workflow/status/{run_id}")).json()
                if shown["status"] == "completed":
                    return
                assert time.monotonic() < until, shown

        servers[0].kill()
        for run_id in runs[:3]:
            answer(run_id)
        servers[0].start()
        pair.fail_over()
        for run_id in runs[3:]:
            answer(run_id)
        for server in servers:  # each must have what was stored through either
            with server.client() as direct:
                found = _succeeds(partial(direct.get, f"/api/workflow/files/{file_id}"))
                assert found.content == b"kept in S3"
