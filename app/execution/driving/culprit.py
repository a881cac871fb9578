"""Decides which run is blamed when the process dies.

The cause is rarely known, because many steps may have been running. It is known when a step blocked
the event loop until the process ended itself, and after an orderly stop no run is blamed. A run on
trial (`recovery.py`) is the likeliest cause. What is known is written to a small file before the
process ends; the next start reads the file once and removes it. Without a file, every step that was
running is blamed.

The same file counts how often runs below one step were blamed, until the server is stopped in good
order.

The file is not part of the journal, because it must be written while the event loop is blocked.
Losing it is harmless: more steps are suspected than necessary.
"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine import Json, JsonObject

FILE = "culprit.json"
Family = tuple[str, int]
"""A step that waits for child runs: the run it belongs to, and which of its step executions."""

_MOST_FAMILIES = 100
"""How many are kept: the ones counted most recently."""


class Culprit:
    """The blame file of one data folder.

    Attributes:
        most: How often the process may end during an attempt before the attempt is not repeated.
        run_id: The run that is blamed for the end of the last process; empty if none is.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.most = most
        self._file = folder / FILE
        self._is_known, self.run_id = False, ""
        self._is_read = False
        self._ends: dict[Family, int] = {}

    def read(self) -> None:
        """Read what the last process left and remove the blame, since this process may end too."""
        with suppress(OSError, ValueError, AttributeError, TypeError):
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            self._ends = {
                (str(parent), int(execution)): int(ends)
                for parent, execution, ends in kept.get("ends", ())
            }
            if "run" in kept:
                self._is_known, self.run_id = True, str(kept["run"])
        self._is_read = True
        self.forget()

    def is_blamed(self, run_id: str, interruptions: int) -> bool:
        """Return whether the end of the last process counts against a run's attempt.

        `interruptions` is how many have counted before. When the cause is unknown, the end counts,
        but never as the last one that the attempt may survive: a suspect is given up only after the
        process has ended while that suspect alone was on trial.
        """
        if self._is_known:
            return run_id == self.run_id
        return interruptions == 0 or interruptions + 1 < self.most

    @property
    def bearable(self) -> int:
        """After how many ends an attempt fails, if the end of the last process counts against it.

        When the cause is unknown, at least two: the first end only makes the attempt a suspect.
        """
        return self.most if self._is_known else max(self.most, 2)

    def hold_against(self, run_id: str) -> None:
        """Blame one run for the end of this process; may be called from any thread."""
        self._write({"run": run_id, "ends": self._kept()})

    def blame_steps_above(self, families: Sequence[Family]) -> list[tuple[Family, int]]:
        """Count one end for each step above the blamed run; return those at their limit.

        Args:
            families: The steps above, the nearest first. The limit of the nearest is twice `most`,
                that of each further one is higher by as much, so only the nearest fails if that
                is enough.

        Returns:
            Those that have reached their limit, each with the number of ends.
        """
        found = []
        for above, family in enumerate(families, start=1):
            ends = self._ends.pop(family, 0) + 1
            if ends >= 2 * above * self.most:
                found.append((family, ends))
            else:
                self._ends[family] = ends
        self._ends = dict([*self._ends.items()][-_MOST_FAMILIES:])
        self.forget()
        return found

    def _kept(self) -> list[Json]:
        return [[parent, execution, ends] for (parent, execution), ends in self._ends.items()]

    def _write(self, mark: JsonObject) -> None:
        with suppress(OSError):  # a full disk: then every running step is blamed
            new = self._file.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump(mark, out)
            new.replace(self._file)

    def nobody(self) -> None:
        """Record that no run is to blame: the process is stopping gracefully or on purpose.

        Has no effect if this process has not yet resumed the runs that an earlier process left.
        """
        if self._is_read:
            self._ends = {}
            self.hold_against("")

    def forget(self) -> None:
        """Remove the blame, so that no run is suspected more than the others."""
        if self._ends:
            self._write({"ends": self._kept()})
            return
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
