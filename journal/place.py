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
        whole = file.absolute()
        self._known = {str(place): place.stat() for place in (whole.parent, whole)}

    def displaced(self) -> str | None:
        """Say what has become of the folder or the database; None while both are in place."""
        for path, known in self._known.items():
            try:
                found = os.stat(path)  # noqa: PTH116 - twice as fast, before each transaction
            except OSError:
                return f"{path} was deleted or moved while the server runs; put it back as it was"
            if (found.st_dev, found.st_ino) != (known.st_dev, known.st_ino):
                return (
                    f"{path} was replaced while the server runs; stop the server, and start it "
                    "with the one that is to count"
                )
        return None
