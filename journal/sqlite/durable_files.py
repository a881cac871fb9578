"""Writes files that are complete and on disk, or absent: under another name first, then renamed."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def sync(path: Path) -> None:
    """Flush a file, or the list of files in a folder, to disk. Raises `OSError`."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Create a folder for its owner only, with those above it that are missing; durable on return.

    Raises `OSError`.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for one in missing:
        with suppress(PermissionError):  # a folder that may be written, but not read
            sync(one.parent)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read; complete, durable and in place on return.

    Until then, the old file stays in place. The folder must exist. Raises `OSError`; then nothing
    is left behind.
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
