"""Which connections are closed when the pool is full, and the behaviour out of file descriptors."""

import asyncio
import errno
import socket
from dataclasses import dataclass, field
from functools import partial

import pytest

from app.settings.open_files import open_files
from app.settings.server import Settings
from app.telemetry import log
from app.web import listener
from app.web.connection_pool import ConnectionPool
from app.web.listener import Listener


@dataclass(eq=False)
class Made:
    """A connection that records when it had to close."""

    gone: list["Made"]
    is_known: bool = False

    def give_way(self) -> None:
        self.gone.append(self)


@dataclass
class Pool:
    gone: list[Made] = field(default_factory=list)
    pool: ConnectionPool = field(default_factory=lambda: ConnectionPool(3))

    def made(self, *, known: bool = False) -> Made:
        connection = Made(self.gone, known)
        assert self.pool.add(connection)
        return connection


def test_the_longest_idle_connection_without_a_key_is_closed_first() -> None:
    held = Pool()
    known, first, second = held.made(known=True), held.made(), held.made()
    held.pool.busy(first)
    held.pool.idle(first)  # its request without a key is later than the second connection
    held.made()
    assert held.gone == [second]
    held.made()
    assert held.gone == [second, first]
    assert known not in held.gone


def test_an_authenticated_connection_is_closed_when_no_other_is_idle() -> None:
    held = Pool()
    held.pool.busy(held.made())
    held.pool.busy(held.made())
    known = held.made(known=True)
    held.pool.busy(held.made())
    assert held.gone == [known]


def test_connections_in_use_stay_and_the_next_is_refused() -> None:
    held = Pool()
    for _ in range(3):
        held.pool.busy(held.made())
    assert not held.pool.add(Made(held.gone))
    assert held.gone == []


def test_a_closed_connection_frees_its_place() -> None:
    held = Pool()
    three = [held.made() for _ in range(3)]
    held.pool.remove(three[0])
    held.pool.idle(three[0])  # its last answer ended after the close
    held.made()
    assert held.gone == []


@pytest.mark.parametrize(
    ("limit", "connections", "enough"),
    [
        (1_428, 1_000, True),
        (1_427, 999, False),
        (1_024, 596, False),
        (256, 128, False),
        (64, 16, False),
        (1, 1, False),
    ],
)
def test_file_descriptors_are_reserved_for_steps_and_the_server(
    limit: int, connections: int, enough: bool
) -> None:
    files = open_files(Settings(), limit)  # 1,000 connections, 200 steps, 228 for the server itself
    assert (files.needed, files.connections, files.is_enough) == (1_428, connections, enough)


class Full(socket.socket):
    """A listening socket that at first has no file descriptor for a connection."""

    refused = 0
    is_full = True

    def accept(self) -> tuple[socket.socket, object]:
        if self.is_full:
            self.refused += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


class Noting(asyncio.Protocol):
    """Note that a connection was taken, and close it."""

    def __init__(self, served: asyncio.Event) -> None:
        self._served = served

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._served.set()
        transport.close()


async def test_accept_is_retried_after_a_pause_and_logged_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "PAUSE_S", 0.2)
    reported: list[OSError] = []
    monkeypatch.setattr(log, "connections_not_taken", reported.append)
    served = asyncio.Event()

    full = Full()
    full.bind(("127.0.0.1", 0))
    full.listen(16)
    listening = Listener(full, partial(Noting, served), lambda: False)
    listening.open()
    _, writer = await asyncio.open_connection(*full.getsockname())
    await asyncio.sleep(0.1)
    assert (full.refused, len(reported)) == (1, 1)
    full.is_full = False
    await asyncio.wait_for(served.wait(), 5)
    listening.close()
    writer.close()
    full.close()
    assert (full.refused, len(reported)) == (1, 1)


async def test_an_idle_connection_gives_way_when_no_descriptor_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[OSError] = []
    monkeypatch.setattr(log, "connections_not_taken", reported.append)
    served = asyncio.Event()

    with Full() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(16)

        def make_room() -> bool:
            full.is_full = False
            return True

        listening = Listener(full, partial(Noting, served), make_room)
        listening.open()
        _, writer = await asyncio.open_connection(*full.getsockname())
        await asyncio.wait_for(served.wait(), 5)
        listening.close()
        writer.close()
    assert (full.refused, reported) == (1, [])
