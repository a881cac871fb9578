"""Decides which run is blamed when the process dies.

The cause is rarely known, because many steps may have been running. It is known when a step blocked
the event loop until the process ended itself, and after an orderly stop no run is blamed. A run on
trial (`recovery.py`) is the likeliest cause. What is known is written to a small file before the
process ends; the next start reads the file once and removes it. Without a file, every step that was
running is blamed.

The file is not part of the journal, because it must be written while the event loop is blocked.
Losing it is harmless: more steps are suspected than necessary.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

FILE = "culprit.json"


class Culprit:
    """The blame file of one data folder.

    Attributes:
        most: How often the process may end during an attempt before the attempt is not repeated.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.most = most
        self._file = folder / FILE
        self._is_known, self._run_id = False, ""
        self._is_read = False

    def read(self) -> None:
        """Read what the last process left and remove the file, since this process may end too."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            self._run_id = str(json.loads(self._file.read_text(encoding="utf-8"))["run"])
            self._is_known = True
        self._is_read = True
        self.forget()

    def is_blamed(self, run_id: str, interruptions: int) -> bool:
        """Say whether the end of the last process counts against a run's attempt.

        `interruptions` is how many have counted before. When the cause is unknown, the end counts,
        but never as the last one that the attempt may survive: a suspect is given up only after the
        process has ended while that suspect alone was on trial.
        """
        if self._is_known:
            return run_id == self._run_id
        return interruptions == 0 or interruptions + 1 < self.most

    def hold_against(self, run_id: str) -> None:
        """Blame one run for the end of this process; may be called from any thread."""
        with suppress(OSError):  # a full disk: then every running step is blamed
            new = self._file.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump({"run": run_id}, out)
            new.replace(self._file)

    def nobody(self) -> None:
        """Note that no run is to blame: the process is stopping in good order or on purpose.

        Has no effect if this process has not yet resumed the runs that an earlier process left.
        """
        if self._is_read:
            self.hold_against("")

    def forget(self) -> None:
        """Remove the note, so that no run is suspected more than the others."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
