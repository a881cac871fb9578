"""Several kinds of callers at once, and requests with larger bodies or results."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median

from benchmarks.closed_loop import Call, Connect, Load, closed_loop
from benchmarks.definitions import asking, five, order, over_text
from benchmarks.http_client import Refused, requests
from benchmarks.stepwell_server import StepwellServer

_MANY = 1_000_000
_STARTS, _STATUS, _LISTS, _STREAMS = 64, 16, 4, 100


def one_beside_readers(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return p50 of one caller's runs alone and beside 16 readers of a status, alternately."""
    with _server(folder) as server:
        status = _status(server)
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(rounds):
            (load,) = _together(seconds, (server.starts("five"), 1))
            alone.append(load.p50_ms)
            load, _ = _together(seconds, (server.starts("five"), 1), (status, _STATUS))
            beside.append(load.p50_ms)
    return {"alone_p50_ms": median(alone), "beside_p50_ms": median(beside)}


def all_kinds(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return the rate of 64 callers' runs alone, and beside status, lists and followed runs."""
    with _server(folder) as server:
        lists = requests(
            server.port, "GET", "/api/workflow/runs?limit=50", headers=server.headers,
            expect=b'"runs"',
        )  # fmt: skip
        kinds = (
            (server.starts("five"), _STARTS), (_status(server), _STATUS), (lists, _LISTS),
            (_followed(server), _STREAMS),
        )  # fmt: skip
        turns = [_together(seconds, kinds[0]) + _together(seconds, *kinds) for _ in range(rounds)]
    alone, starts, status, listed, streams = ([*loads] for loads in zip(*turns, strict=True))
    return {
        "mixed_alone_rate": median(load.rate for load in alone),
        "mixed_rate": median(load.rate for load in starts),
        "mixed_p50_ms": median(load.p50_ms for load in starts),
        "mixed_status_rate": median(load.rate for load in status),
        "mixed_list_rate": median(load.rate for load in listed),
        "mixed_streams_rate": median(load.rate for load in streams),
    }


def payloads(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return the rate of 8 callers' runs with no payload, 10 KB and 1 MB, alternately."""
    sizes = {"payload_none_rate": 0, "payload_10kb_rate": 10_000, "payload_1mb_rate": 1_000_000}
    rates: dict[str, list[float]] = {name: [] for name in sizes}
    with _server(folder) as server:
        server.create(over_text("text"))
        for _ in range(rounds):
            for name, size in sizes.items():
                body = json.dumps({"data": {"text": "x" * size}}).encode()
                starts = requests(
                    server.port, "POST", "/api/workflow/start/text", body,
                    headers=server.headers, expect=b'"completed"',
                )  # fmt: skip
                rates[name].append(_together(seconds, (starts, 8))[0].rate)
    return {name: median(found) for name, found in rates.items()}


def computed_against_constant(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return the rate of 64 callers' runs with templates and conditions, and of those without."""
    rates: dict[str, list[float]] = {"computed": [], "constant": []}
    with _server(folder) as server:
        for name in rates:
            server.create(order(name, computed=name == "computed"))
        for _ in range(rounds):
            for name, found in rates.items():
                found.append(_together(seconds, (server.starts(name), _STARTS))[0].rate)
    return {f"{name}_rate": median(found) for name, found in rates.items()}


def one_pause(folder: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return the figures of 64 callers who start a run that asks, and answer it."""
    with _server(folder) as server:
        server.create(asking("ask"))
        loads = [_together(seconds, (_answered(server), _STARTS))[0] for _ in range(rounds)]
    return {
        "pause_rate": median(load.rate for load in loads),
        "pause_p50_ms": median(load.p50_ms for load in loads),
    }


class _server:  # noqa: N801 - reads as a function
    """Run a server with the five steps, which stops at the end of the block."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._server = StepwellServer(folder)

    def __enter__(self) -> StepwellServer:
        self._server.start()
        self._server.create(five())
        return self._server

    def __exit__(self, *_: object) -> None:
        self._server.kill()


def _together(seconds: float, *kinds: tuple[Connect, int]) -> list[Load]:
    async def measure() -> list[Load]:
        loads = (closed_loop(connect, callers, seconds, _MANY) for connect, callers in kinds)
        return list(await asyncio.gather(*loads))

    return asyncio.run(measure())


def _status(server: StepwellServer) -> Connect:
    run_id = server.ask("POST", "/api/workflow/start/five", {"data": {}})["runId"]
    path = f"/api/workflow/status/{run_id}"
    return requests(server.port, "GET", path, headers=server.headers, expect=b'"completed"')


def _followed(server: StepwellServer) -> Connect:
    """Return callers that start a run and read its events until it ends."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Call]:
        async def call() -> None:
            started = await _ask(server, "POST", "/api/workflow/start-async/five", {"data": {}})
            run_id = json.loads(started)["runId"]
            told = await _ask(server, "GET", f"/api/workflow/events/{run_id}")
            if b"run.completed" not in told:
                raise Refused(told[:500])

        yield call

    return connect


def _answered(server: StepwellServer) -> Connect:
    """Return callers that start a run, answer its question, and see it completed."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Call]:
        async def call() -> None:
            started = await _ask(server, "POST", "/api/workflow/start/ask", {"data": {}})
            paused = json.loads(started)
            answer = {
                "type": "collect_inputs", "data": {"name": "Ada"},
                "pauseId": paused["pauseSignal"]["pauseId"],
            }  # fmt: skip
            path = f"/api/workflow/resume/{paused['runId']}"
            ended = await _ask(server, "POST", path, answer)
            if b'"completed"' not in ended and b'"running"' not in ended:
                raise Refused(ended[:500])

        yield call

    return connect


async def _ask(server: StepwellServer, method: str, path: str, body: object = None) -> bytes:
    """Send one request over a new connection, and return the body of the answer."""
    text = b"" if body is None else json.dumps(body).encode()
    fields = {**server.headers, "host": "x", "connection": "close"}
    if text:
        fields |= {"content-type": "application/json", "content-length": str(len(text))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + text)
        answer = await reader.read()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    head, _, content = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise Refused(answer[:500])
    return content
