"""One file that runs wherever it is copied: a shell script followed by the program.

It unpacks itself once into a cache folder, so that later starts are as fast as those of an
installed program (PyInstaller's single file unpacks itself at each start, which takes three
seconds).
"""

import gzip
import hashlib
import io
import platform
import tarfile
from importlib.metadata import version
from pathlib import Path

from distribution.checkout import ROOT, commit_time


def written(program: Path, out: Path) -> Path:
    """Write the folder `program` as a single file into the folder `out`; return its path."""
    payload = archive(program, int(commit_time()))
    launcher = (ROOT / "distribution" / "launcher.sh").read_text()
    for name, value in {
        "VERSION": version("stepwell"),
        "BYTES": str(len(payload)),
        "DIGEST": hashlib.sha256(payload).hexdigest(),
    }.items():
        launcher = launcher.replace(f"@{name}@", value)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"stepwell-{version('stepwell')}-linux-{platform.machine()}"
    file.write_bytes(launcher.encode() + payload)
    file.chmod(0o755)
    return file


def archive(folder: Path, time_s: int) -> bytes:
    """Return a folder as a compressed archive, reproducibly: sorted, with one time and no owner."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", 9, packed, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in [folder, *sorted(folder.rglob("*"))]:
            entry = tar.gettarinfo(path, path.relative_to(folder.parent).as_posix())
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = time_s, 0, 0, "", ""
            entry.mode = 0o755 if path.is_dir() or entry.mode & 0o100 else 0o644
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    return packed.getvalue()
