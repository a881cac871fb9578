"""Apply every small change to the engine and check that its tests notice.

Each mutant is tested in its own process, forked from one that has loaded everything but the
engine. A mutant without an observable effect is listed with the reason in a file; it is a failure
if one survives without being listed, or is listed and noticed.

Not part of CI for every change: it takes some minutes.
"""

import argparse
import importlib.abc
import importlib.machinery
import os
import signal
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.mutants import Mutant, enumerations, mutants

ROOT = Path(__file__).resolve().parent.parent
PACKAGE, TESTS = ROOT / "engine", ROOT / "tests" / "engine"
EQUIVALENT = TESTS / "equivalent_mutants.toml"
UNUSED = ("cacheprovider", "logging", "threadexception", "unraisableexception", "warnings")
OPTIONS = [
    *("-qxs", "-c", os.devnull, "--rootdir", str(ROOT), "--import-mode=importlib"),
    *("--assert=plain", "--noconftest", *(f"-pno:{plugin}" for plugin in UNUSED)),
]
LIMIT_S = 60
"""The time limit of the tests for a mutant that may never end."""


Reasons = Mapping[str, Mapping[str, str]]
"""Why a mutant has no observable effect, by file and name."""


@dataclass(frozen=True)
class Trial:
    """One mutant of one file."""

    file: str
    mutant: Mutant

    def __str__(self) -> str:
        return f"{self.file}:{self.mutant.line} {self.mutant.name}"


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Loads one module from a different source."""

    def __init__(self, module: str, source: str) -> None:
        self._module, self._source = module, source

    def find_spec(
        self, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self._module else None

    def get_source(self, fullname: str) -> str:
        return self._source


def run_tests(trial: Trial | None) -> int:
    """Run the tests on a mutant, or on the unchanged engine; return pytest's exit code.

    Tests over random histories are left out: the others must notice the change every time.
    """
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    if trial:
        module = trial.file.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, _Instead(module, trial.mutant.source))
    files = [file for file in TESTS.glob("test_*.py") if "hypothesis" not in file.read_text()]
    return int(pytest.main([*OPTIONS, *map(str, sorted(files))]))


def fork(trial: Trial | None) -> int:
    """Run the tests in a new process; return its id."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            code = run_tests(trial)
        finally:
            os._exit(code)
    return pid


def survivors(trials: Iterator[Trial], at_once: int) -> Iterator[tuple[Trial, bool]]:
    """Test each mutant; yield it with whether all tests passed."""
    running: dict[int, tuple[Trial, float]] = {}
    for trial in trials:
        while len(running) >= at_once:
            yield from _ended(running)
        running[fork(trial)] = (trial, time.monotonic() + LIMIT_S)
    while running:
        yield from _ended(running)


def _ended(running: dict[int, tuple[Trial, float]]) -> Iterator[tuple[Trial, bool]]:
    time.sleep(0.005)
    for pid, (trial, until) in list(running.items()):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            del running[pid]
            yield trial, os.waitstatus_to_exitcode(status) == 0


def trials_of(files: Sequence[Path]) -> list[Trial]:
    """Return every mutant of the files."""
    members = enumerations([file.read_text() for file in sorted(PACKAGE.glob("*.py"))])
    return [
        Trial(str(file.relative_to(ROOT)), mutant)
        for file in files
        for mutant in mutants(file.read_text(), members)
    ]


def main() -> int:
    """Test the mutants of the named files, or of all; return 1 if one survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="files of engine/; all without")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    chosen = parser.parse_args()
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    if os.waitpid(fork(None), 0)[1] != 0:
        print("the tests fail without any change")
        return 1
    files = [file.resolve() for file in chosen.files] or sorted(PACKAGE.glob("*.py"))
    trials = trials_of(files)
    reasons = tomllib.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else {}
    began, passed = time.monotonic(), []
    for number, (trial, survived) in enumerate(survivors(iter(trials), chosen.jobs), 1):
        if survived:
            passed.append(trial)
        if number % 100 == 0:
            print(f"{number} of {len(trials)}", flush=True)
    return told(trials, passed, reasons, time.monotonic() - began)


def told(trials: Sequence[Trial], passed: Sequence[Trial], reasons: Reasons, seconds: float) -> int:
    """Print the result; return 1 if mutants survive or are listed wrongly."""
    tried = {trial.file for trial in trials}
    listed = {(file, name) for file in tried for name in reasons.get(file, ())}
    names = {(trial.file, trial.mutant.name) for trial in passed}
    for trial in passed:
        if (trial.file, trial.mutant.name) not in listed:
            print(f"survived: {trial}")
    for file, name in sorted(listed - names):
        print(f"listed as equivalent, but noticed or gone: {file} {name}")
    print(
        f"{len(trials)} mutants, {len(trials) - len(passed)} noticed, "
        f"{len(names & listed)} equivalent, {len(names - listed)} survived, in {seconds:.0f} s"
    )
    return 1 if names != listed else 0


if __name__ == "__main__":
    sys.exit(main())
