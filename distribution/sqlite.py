"""SQLite for the distributions: a version without the WAL-reset bug.

Versions before 3.51.3 can, rarely, corrupt a database in WAL mode
(https://sqlite.org/wal.html#walresetbug), and many systems have older libraries. The source comes
from an npm package that contains SQLite's amalgamation unchanged.
"""

import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import IO, cast

from distribution.downloads import npm_package

_PACKAGE = "better-sqlite3"
_VERSION = "12.11.1"
_INTEGRITY = "sha512-dq9AtApgg5PGFtBzPFSBl3HZQjHok5gaQCM6zh2Yk0aSmDCs1CbnVI8/HgASQkNKsWFpseIO9beg5xxpYhbIfA=="  # noqa: E501 - a hash
_SOURCE = "package/deps/sqlite3/sqlite3.c"
_LEAST = (3, 51, 3)
_VERSION_LINE = re.compile(r'#define SQLITE_VERSION +"([\d.]+)"')

_OPTIONS = (
    "SQLITE_THREADSAFE=1",
    "SQLITE_DEFAULT_SYNCHRONOUS=2",
    "SQLITE_DEFAULT_WAL_SYNCHRONOUS=2",
    "SQLITE_ENABLE_COLUMN_METADATA",
    "SQLITE_ENABLE_DBSTAT_VTAB",
    "SQLITE_ENABLE_FTS5",
    "SQLITE_ENABLE_MATH_FUNCTIONS",
    "SQLITE_ENABLE_RTREE",
    "SQLITE_ENABLE_STAT4",
    "SQLITE_USE_URI=1",
    "HAVE_ISNAN=1",
    "HAVE_USLEEP=1",
)


class UnusableSource(Exception):
    """The source differs from the pinned one, or has the bug."""


def built(folder: Path) -> Path:
    """Return `libsqlite3.so.0`, compiled into `folder` unless it exists.

    Raises `UnusableSource`, or `subprocess.CalledProcessError` if no C compiler works.
    """
    library = folder / "libsqlite3.so.0"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    archive = npm_package(_PACKAGE, _VERSION, _INTEGRITY, folder)
    source = folder / "sqlite3.c"
    with tarfile.open(archive) as packed, cast(IO[bytes], packed.extractfile(_SOURCE)) as content:
        source.write_bytes(content.read())
    _check(source)
    unfinished = folder / "unfinished.so"
    subprocess.run(
        [
            os.environ.get("CC", "cc"), "-O2", "-fPIC", "-shared", "-g0",
            f"-ffile-prefix-map={folder}=.", "-Wl,-soname,libsqlite3.so.0", "-Wl,--build-id=none",
            *(f"-D{option}" for option in _OPTIONS),
            "-o", str(unfinished), str(source), "-lm", "-lpthread", "-ldl",
        ],
        check=True,
    )  # fmt: skip
    unfinished.rename(library)
    return library


def _check(source: Path) -> None:
    """Raise `UnusableSource` for a version that has the bug."""
    with source.open() as lines:
        found = next(filter(None, map(_VERSION_LINE.match, lines)))
    if tuple(int(part) for part in found[1].split(".")) < _LEAST:
        raise UnusableSource(f"SQLite {found[1]} may corrupt a database in WAL mode")
