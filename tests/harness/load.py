"""Starts runs over HTTP until stopped, and records what was acknowledged."""

import threading
import time
from types import TracebackType
from typing import Self

import httpx

from tests.harness.server import Server


class Starting:
    """A few clients that start runs of one workflow, each as soon as the last is answered."""

    def __init__(self, server: Server, workflow: str, clients: int = 3) -> None:
        self.server = server
        self.workflow = workflow
        self.acknowledged: list[str] = []
        self.slowest_s = 0.0
        self.refused: list[str] = []
        self.stop = threading.Event()
        server.key("operator")
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self) -> None:
        with self.server.client("operator") as client:
            while not self.stop.is_set():
                began = time.monotonic()
                try:
                    answer = client.post(f"/api/workflow/start-async/{self.workflow}")
                except httpx.TransportError as gone:
                    self.refused.append(str(gone))
                    return
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                if answer.status_code == 200:
                    self.acknowledged.append(answer.json()["runId"])
                else:
                    self.refused.append(answer.text)

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()
