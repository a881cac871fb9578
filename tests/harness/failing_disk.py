"""A plug-in that puts a disk that can fail under a server's journal.

The file that `FAILING_DISK` names says which fault there is, as JSON; no file, no fault.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.harness.vfs import Disk, Fault, watched

_LOOK_EVERY_S = 0.01


def _watch(disk: Disk, file: Path) -> None:
    shown = ""
    while True:
        try:
            wanted = file.read_text()
        except FileNotFoundError:  # also where it goes between two looks
            wanted = ""
        if wanted != shown:
            shown = wanted
            disk.fault = Fault(**json.loads(wanted)) if wanted else None
        disk.ops.clear()
        time.sleep(_LOOK_EVERY_S)


_file = Path(os.environ["FAILING_DISK"])
_watching = watched(Path(os.environ["FAILING_DISK_FOLDER"]))
threading.Thread(target=_watch, args=(_watching.__enter__(), _file), daemon=True).start()
