"""`python -m distribution.wheels FOLDER`: give wheels the same bytes wherever they were built.

A wheel is a ZIP archive with the times and permissions of the files in the checkout.
"""

import sys
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from distribution.checkout import commit_time


def main() -> None:
    """Rewrite every wheel in the named folder, with the time of the last commit."""
    for wheel in sorted(Path(sys.argv[1]).glob("*.whl")):
        wheel.write_bytes(settled(wheel.read_bytes(), int(commit_time())))


def settled(wheel: bytes, time_s: int) -> bytes:
    """Return a wheel with one time, readable files and nothing else changed."""
    at = datetime.fromtimestamp(time_s, UTC)
    made = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(wheel)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            is_executable = entry.external_attr >> 16 & 0o100
            kept = zipfile.ZipInfo(entry.filename, at.timetuple()[:6])
            kept.external_attr = (0o100755 if is_executable else 0o100644) << 16
            kept.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(kept, old.read(entry))
    return made.getvalue()


if __name__ == "__main__":
    main()
