"""Against which run the end of the process is to be held.

What ends the process is seldom known: many steps were running, and one of them may be why. It
is known where a step kept the event loop until the process ended itself, and it is nobody where
the server was stopped in good order. A run on trial (`recovery.py`) is the likeliest. What is
known stands in a small file, written before the end; a start reads it once and takes it away.
Where there is none, the end is held against every step that was running.

It is no part of the journal, since it must be written while the loop stands still, and since a
mark that is lost only means that more is suspected.
"""

import json
import os
from contextlib import suppress
from pathlib import Path

FILE = "culprit.json"


class Culprit:
    """The mark of one data folder.

    Attributes:
        most: How often the process may end while an attempt is running; then it is not made again.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.most = most
        self._file = folder / FILE
        self._is_known, self._run_id = False, ""
        self._is_read = False

    def read(self) -> None:
        """Read what the last process has left, and take it away: this one may end too."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            self._run_id = str(json.loads(self._file.read_text(encoding="utf-8"))["run"])
            self._is_known = True
        self._is_read = True
        self.forget()

    def is_blamed(self, run_id: str, interruptions: int) -> bool:
        """Say whether the end of the last process counts against a run's attempt.

        `interruptions` have counted before.
        Where nobody is known it counts, but never as the last that the attempt may survive: a
        suspect is given up only once the process has ended while it alone was on trial.
        """
        if self._is_known:
            return run_id == self._run_id
        return interruptions == 0 or interruptions + 1 < self.most

    def hold_against(self, run_id: str) -> None:
        """Note that the end of this process is to be held against one run; from any thread."""
        with suppress(OSError):  # a full disk: then it is held against all
            new = self._file.with_suffix(".new")
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump({"run": run_id}, out)
            new.replace(self._file)

    def nobody(self) -> None:
        """Note that the process ends in good order, or for its own reasons.

        Changes nothing where this process has carried on nothing that another had left.
        """
        if self._is_read:
            self.hold_against("")

    def forget(self) -> None:
        """Note that nobody is more suspect than others."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
