"""Files that a command writes: a file holds all of a text, or what it held before."""

import errno
import os
from pathlib import Path

from app.operator.errors import CommandFailed

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_text(file: Path, text: str) -> None:
    """Write a text, in folders that are made if they are missing.

    A file that exists keeps its mode, and a link to one stays a link. Raises `CommandFailed`.
    """
    place = Path(os.path.realpath(file))
    working = place.with_name(f".{place.name[:100]}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and not place.is_file():  # a pipe or a device, which nothing replaces
            place.write_text(text, encoding="utf-8")
            return
        try:
            with working.open("w", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            if place.exists():
                working.chmod(place.stat().st_mode)
            working.replace(place)
        finally:
            working.unlink(missing_ok=True)
    except OSError as failure:
        remedy = ": make room on that disk" if failure.errno in _FULL else ""
        raise CommandFailed(f"{file} cannot be written ({failure.strerror}){remedy}") from failure
