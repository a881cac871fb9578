"""Answers streamed into files: bounded, never whole in memory, and removed where incomplete."""

import asyncio
import gzip
import hashlib
import threading
import tracemalloc
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import IO

import pytest

from app.files.storage import FolderStorage
from app.outbound.http_client import HttpClient
from app.outbound.sink import Sink
from steps.contract.step_type import ResponseUnreadable
from steps.effects.http_messages import HttpRequest
from tests.harness.bytes_server import saying

LOCAL = [ip_network("127.0.0.0/8")]
MB = 1_000_000
GOOD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(LOCAL, most=10)
    yield made
    await made.close()


async def received(client: HttpClient, storage: FolderStorage, answer: bytes, most: int) -> str:
    with saying(answer) as address:
        async with storage.receive() as spool:
            sink = Sink(lambda status: status == 200, spool.write)
            wanted = HttpRequest("GET", address, max_response_bytes=most)
            await client.send(wanted, sink=sink)
            return await spool.keep()


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


@pytest.mark.parametrize("packed", [False, True])
async def test_a_download_is_on_disk_and_not_in_memory(
    client: HttpClient, tmp_path: Path, packed: bool
) -> None:
    storage = FolderStorage(tmp_path)
    body = b"0123456789abcdef" * (20 * MB // 16)
    sent = gzip.compress(body, 1) if packed else body
    answer = GOOD + b"Content-Encoding: gzip\r\n" * packed
    answer += b"Content-Length: %d\r\n\r\n" % len(sent) + sent
    await received(
        client, storage, GOOD + b"Content-Length: 1\r\n\r\n.", MB
    )  # imports what it needs
    tracemalloc.start()
    try:
        sha256 = await received(client, storage, answer, 20 * MB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sha256 == hashlib.sha256(body).hexdigest()
    assert await storage.get(sha256) == body
    assert peak < 5 * MB


async def test_a_download_that_is_too_long_or_breaks_off_leaves_no_file(
    client: HttpClient, tmp_path: Path
) -> None:
    storage = FolderStorage(tmp_path)
    bomb = gzip.compress(bytes(60 * MB), 9)
    packed = GOOD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb
    short = GOOD + b"Content-Length: 4000000\r\n\r\n" + bytes(3 * MB)
    for answer, kind in ((packed, "ResponseTooLarge"), (short, "ConnectionFailed")):
        with pytest.raises(ResponseUnreadable) as broke:
            await received(client, storage, answer, 50 * MB)
        assert broke.value.error.type == kind
        assert broke.value.response.content == b""
    assert files(tmp_path) == 0


async def test_a_cancel_while_the_file_is_created_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, made = FolderStorage(tmp_path), list[IO[bytes]]()
    begun, goes_on, new = threading.Event(), threading.Event(), storage._new

    def slow() -> IO[bytes]:
        begun.set()
        goes_on.wait(10)
        made.append(new())
        return made[0]

    monkeypatch.setattr(storage, "_new", slow)
    stopped = asyncio.create_task(storage.put(b"some"))
    await asyncio.to_thread(begun.wait, 10)
    stopped.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert made[0].closed
    assert files(tmp_path) == 0


async def test_a_cancel_leaves_no_file_and_the_next_start_cleans_up_after_a_crash(
    tmp_path: Path,
) -> None:
    storage = FolderStorage(tmp_path)

    async def half() -> None:
        async with storage.receive() as spool:
            await spool.write(bytes(MB))
            await asyncio.sleep(60)

    stopped = asyncio.create_task(half())
    while files(tmp_path) == 0:  # noqa: ASYNC110 - another one writes it
        await asyncio.sleep(0.01)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    assert files(tmp_path) == 0
    kept = await storage.put(b"kept")
    (tmp_path / "incoming" / "left").write_bytes(bytes(MB))
    again = FolderStorage(tmp_path)
    assert files(tmp_path) == 1
    assert await again.get(kept) == b"kept"
