"""Whether the open database is still the file of its name, in the folder of its name.

A file that has been deleted, moved or replaced can be written to for as long as it is open,
and all of it is gone with the process. So the writer looks before each transaction, and
between them now and then; what has come back to its place is used again.
"""

import os
from pathlib import Path


class Place:
    """The identity of an open database and of its folder."""

    def __init__(self, file: Path) -> None:
        """Take them as they are now. Raises `OSError` when one is missing."""
        self._file = file.absolute()
        self._folder = self._file.parent
        self._known = (_identity(self._folder), _identity(self._file))

    def displaced(self) -> str | None:
        """Say what has become of the folder or the database; None while both are in place."""
        for path, known in zip((self._folder, self._file), self._known, strict=True):
            try:
                found = _identity(path)
            except OSError:
                return f"{path} was deleted or moved while the server runs; put it back as it was"
            if found != known:
                return (
                    f"{path} was replaced while the server runs; stop the server, and start it "
                    "with the one that is to count"
                )
        return None


def _identity(path: Path) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116 - twice as fast, before each transaction
    return found.st_dev, found.st_ino
