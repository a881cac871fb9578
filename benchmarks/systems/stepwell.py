"""Stepwell over HTTP: each caller starts a run and gets its result in the answer."""

from pathlib import Path

from benchmarks.closed_loop import Load
from benchmarks.definitions import five
from benchmarks.process import folder_bytes
from benchmarks.stepwell_server import NEWER_STEPWELL, STEPWELL, StepwellServer
from benchmarks.systems.base import About, NotHere, System, load_over

_EACH_STEP = "each step's result before the next step begins; SQLite WAL, synchronous=FULL"


class Stepwell(System):
    def __init__(self, *, pure: bool = False, is_newer: bool = False) -> None:
        """Take the kind of tools, and whether it runs on Python 3.14."""
        super().__init__()
        self._command = NEWER_STEPWELL if is_newer else STEPWELL
        self._tool = "purely_add" if pure else "add"
        if pure:
            self.about = About(
                "stepwell-pure",
                "Stepwell, pure tools",
                "HTTP",
                "the whole run, in one commit, before its answer; SQLite WAL, synchronous=FULL",
            )
        elif is_newer:
            self.about = About("stepwell-newer", "Stepwell, Python 3.14", "HTTP", _EACH_STEP)
        else:
            self.about = About("stepwell", "Stepwell", "HTTP", _EACH_STEP)

    def prepare(self, folder: Path, environment: dict[str, str]) -> None:
        if not self._command.exists():
            raise NotHere("there is no environment of Python 3.14; `scripts/newer-venv` makes one")
        self._folder = folder
        # The number of steps that wait at the gate at once; a load has at most one run per caller.
        many = {"STEPWELL_MAX_CONCURRENT_STEPS": "2000"}
        self._server = StepwellServer(folder, {**environment, **many}, command=self._command)
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
