"""The program as a folder that needs no Python: the content of the file, image and package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from distribution import sqlite
from distribution.checkout import ROOT, commit_time


def built(work: Path) -> Path:
    """Build the folder `stepwell`, with the program and its dependencies; return its path.

    The same commit, Python and compiler produce the same bytes: hashes are not seeded, and times
    are those of the commit.
    """
    library = sqlite.built(work / "sqlite")
    out = work / "program"
    shutil.rmtree(out, ignore_errors=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": commit_time(),
        "STEPWELL_SQLITE": str(library),
    }
    for made in (["-m", "distribution.assets"], [str(ROOT / "scripts" / "guide.py")]):
        subprocess.run([sys.executable, *made], check=True, cwd=ROOT, env=environment)
    subprocess.run(
        [
            sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN",
            "--distpath", str(out), "--workpath", str(work / "pyinstaller"),
            str(ROOT / "distribution" / "stepwell.spec"),
        ],
        check=True,
        cwd=work,  # in the checkout, metadata that a build of wheels has left there would be taken
        env=environment,
    )  # fmt: skip
    readable(out / "stepwell")
    return out / "stepwell"


def readable(folder: Path) -> None:
    """Let every user read a folder, and execute what its owner executes, whatever the umask was."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            is_executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_executable else 0o644)
