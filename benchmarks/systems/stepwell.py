"""Stepwell over HTTP: each caller starts a run and gets its result in the answer."""

from pathlib import Path

from benchmarks.closed_loop import Load
from benchmarks.definitions import five
from benchmarks.process import folder_bytes
from benchmarks.stepwell_server import StepwellServer
from benchmarks.systems.base import About, System, load_over


class Stepwell(System):
    def __init__(self, *, pure: bool) -> None:
        super().__init__()
        self._tool = "purely_add" if pure else "add"
        if pure:
            self.about = About(
                "stepwell-pure",
                "Stepwell, pure tools",
                "HTTP",
                "the whole run, in one commit, before its answer; SQLite WAL, synchronous=FULL",
            )
        else:
            self.about = About(
                "stepwell",
                "Stepwell",
                "HTTP",
                "each step's result before the next step begins; SQLite WAL, synchronous=FULL",
            )

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        # The number of steps that wait at the gate at once; a load has at most one run per caller.
        many = {"STEPWELL_MAX_CONCURRENT_STEPS": "2000"}
        self._server = StepwellServer(folder, {**environment, **many})
        self._is_new = True

    def launch(self) -> None:
        self._server.start()
        assert self._server.process
        self.processes.append(self._server.process)
        if self._is_new:
            self._is_new = False
            self._server.create(five("five", self._tool))
            self._server.create(five("gated", self._tool, gated_step=2))

    def load(self, callers: int, seconds: float, most: int) -> Load:
        return load_over(self._server.starts("five"), callers, seconds, most)

    def start_gated(self, count: int) -> None:
        for _ in range(count):
            self._server.ask("POST", "/api/workflow/start-async/gated", {"data": {}})

    def unfinished(self) -> int:
        return self._server.running()

    def stored_bytes(self) -> int:
        return folder_bytes(self._server.data)
