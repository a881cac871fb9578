"""A plug-in that injects disk faults under a server's journal.

The file named by `FAILING_DISK` describes the fault as JSON; without the file there is no fault.
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
        except FileNotFoundError:  # also if it is deleted between the check and the read
            wanted = ""
        if wanted != shown:
            shown = wanted
            disk.fault = Fault(**json.loads(wanted)) if wanted else None
        disk.ops.clear()
        time.sleep(_LOOK_EVERY_S)


_file = Path(os.environ["FAILING_DISK"])
_watching = watched(Path(os.environ["FAILING_DISK_FOLDER"]))
threading.Thread(target=_watch, args=(_watching.__enter__(), _file), daemon=True).start()
