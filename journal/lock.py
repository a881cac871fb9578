"""One process a data folder."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from journal.errors import Locked


class FolderLock:
    """An exclusive lock on a data folder, released when the process ends, however it ends.

    The lock file says who holds it, and where that process takes commands.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises `Locked` at once when another process has it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(folder / "stepwell.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as busy:
            os.close(self._file)
            raise Locked(folder, str(holder(folder).get("pid", "unknown"))) from busy
        self.announce(None)

    def announce(self, control: Path | None) -> None:
        """Write down who holds the lock and the socket on which it takes commands."""
        holds = {"pid": os.getpid(), "control": str(control) if control else None}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(holds).encode(), 0)

    def release(self) -> None:
        """Give the folder free."""
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.release()


def holder(folder: Path) -> dict[str, object]:
    """Say who holds a folder's lock, as far as its lock file tells."""
    try:
        found = json.loads((folder / "stepwell.lock").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
