"""A client for server-sent events that follows the HTML standard and reconnects."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Seen:
    id: str
    event: str
    data: Any


class Reader:
    """Parses one stream; `last_id` is the Last-Event-ID of a reconnecting browser."""

    def __init__(self) -> None:
        self.last_id = ""
        self.comments: list[str] = []
        self.retry: int | None = None
        self._event, self._data = "", list[str]()

    def events(self, lines: Iterator[str]) -> Iterator[Seen]:
        for line in lines:
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
            elif line:
                name, _, value = line.partition(":")
                self._field(name, value.removeprefix(" "))
            else:
                event, data = self._event, "\n".join(self._data)
                self.begin()
                if data:
                    yield Seen(self.last_id, event, json.loads(data))

    def begin(self) -> None:
        """Discard what has not been dispatched, as after a lost connection."""
        self._event, self._data = "", []

    def _field(self, name: str, value: str) -> None:
        if name == "id":
            self.last_id = value
        elif name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
        elif name == "retry":
            self.retry = int(value)


@contextmanager
def stream(
    client: httpx.Client, path: str, reader: Reader | None = None, **query: str
) -> Iterator[Iterator[Seen]]:
    """Open a stream and return its events; the reader continues from its last event."""
    reader = reader or Reader()
    reader.begin()
    headers = {"last-event-id": reader.last_id} if reader.last_id else {}
    with client.stream("GET", path, params=query, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield reader.events(answer.iter_lines())


def all_of_run(client: httpx.Client, run_id: str) -> list[Seen]:
    """Read a run's stream until the server ends it."""
    with stream(client, f"/api/workflow/events/{run_id}") as events:
        return list(events)


class Follower:
    """Follows the tenant's stream in a thread, and reconnects whenever the connection is lost."""

    def __init__(self, client: httpx.Client, **query: str) -> None:
        self.client = client
        self.query = query
        self.seen: list[Seen] = []
        self.reader = Reader()
        self.reconnects = 0
        self.faults: list[str] = []
        self.stop = threading.Event()
        self.answer: httpx.Response | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def drop(self) -> bool:
        """Close the connection from the client's side; return whether there was one."""
        if self.answer is None:
            return False
        try:
            self.answer.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        except OSError:
            return False
        return True

    def _run(self) -> None:
        while not self.stop.is_set():
            try:
                self._follow()
            except httpx.TransportError:
                pass
            except Exception as fault:  # noqa: BLE001 - shown by the test
                self.faults.append(repr(fault))
            self.reconnects += 1
            time.sleep(0.01)

    def _follow(self) -> None:
        reader = Reader()
        reader.last_id = self.reader.last_id
        headers = {"last-event-id": reader.last_id} if reader.last_id else {}
        with self.client.stream(
            "GET", "/api/workflow/events", params=self.query, headers=headers
        ) as answer:
            if answer.status_code != 200:
                self.faults.append(answer.read().decode())
                return
            self.answer = answer
            for event in reader.events(answer.iter_lines()):
                self.seen.append(event)
                self.reader.last_id = event.id
                if self.stop.is_set():
                    return
