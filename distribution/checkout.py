"""The checkout from which distributions are built."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def commit_time() -> str:
    """Return the time of the last commit in seconds, or SOURCE_DATE_EPOCH."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    asked = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
