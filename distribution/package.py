"""A Debian package: the single file as `/usr/bin/stepwell`, a service, a file of settings."""

import gzip
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

from distribution.checkout import ROOT, commit_time

_PARTS = ROOT / "distribution" / "debian"


def written(binary: Path, work: Path, out: Path) -> Path:
    """Build the package from the single file `binary` in the folder `out`; return its path."""
    root = work / "package"
    shutil.rmtree(root, ignore_errors=True)
    for source, place, mode in (
        (binary, "usr/bin/stepwell", 0o755),
        (_PARTS / "stepwell.service", "usr/lib/systemd/system/stepwell.service", 0o644),
        (_PARTS / "stepwell.toml", "etc/stepwell/stepwell.toml", 0o640),
        (_PARTS / "copyright", "usr/share/doc/stepwell/copyright", 0o644),
        *((_PARTS / name, f"DEBIAN/{name}", 0o755) for name in ("postinst", "prerm", "postrm")),
    ):
        _put(root / place, source.read_bytes(), mode)
    changes = gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0)
    _put(root / "usr/share/doc/stepwell/NEWS.gz", changes, 0o644)
    _put(root / "DEBIAN/conffiles", b"/etc/stepwell/stepwell.toml\n", 0o644)
    architecture = _output("dpkg", "--print-architecture")
    control = (_PARTS / "control").read_text()
    for name, value in {
        "VERSION": version("stepwell"),
        "ARCHITECTURE": architecture,
        "KILOBYTES": str(binary.stat().st_size // 1_024 + 100),
        "LIBC": platform.libc_ver()[1],
    }.items():
        control = control.replace(f"@{name}@", value)
    _put(root / "DEBIAN/control", control.encode(), 0o644)
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"stepwell_{version('stepwell')}_{architecture}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(root), str(file)],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"SOURCE_DATE_EPOCH": commit_time()},
    )
    return file


def _put(place: Path, content: bytes, mode: int) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.chmod(mode)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
