"""A step that waits at a gate, so that runs are in flight when the process is killed.

The gate is a folder, named by `BENCH_GATE`: each arriving step adds a byte to `arrived`, and
continues once `open` exists.
"""

import asyncio
import os
from pathlib import Path

VARIABLE = "BENCH_GATE"
_LOOK_EVERY_S = 1.0
"""So seldom that a thousand who wait do not take the machine from what is measured."""


async def wait_at_the_gate() -> None:
    folder = Path(os.environ[VARIABLE])
    file = os.open(folder / "arrived", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, b".")
    os.close(file)
    opened = folder / "open"
    while not opened.exists():  # noqa: ASYNC110 - another process opens it
        await asyncio.sleep(_LOOK_EVERY_S)


class Gate:
    """The gate's other side: counts arrivals, and opens the gate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        self._folder = folder
        self.environment = {VARIABLE: str(folder)}

    @property
    def arrived(self) -> int:
        file = self._folder / "arrived"
        return file.stat().st_size if file.exists() else 0

    def open(self) -> None:
        (self._folder / "open").touch()
