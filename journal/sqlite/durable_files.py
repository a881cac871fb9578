"""Files that are whole and on disk, or not there: written under another name, then renamed."""

import os
import tempfile
from pathlib import Path


def sync(path: Path) -> None:
    """Flush a file, or which files a folder has, to disk. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read; whole, durable and in its place on return.

    What stood in its place before stays there until then. The folder must exist. Raises
    `OSError`; then nothing is left behind.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).rename(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync(file.parent)
