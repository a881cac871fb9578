"""Write the client for threads, `stepwell/_blocking`, from the one for asyncio.

Both have the same calls and documentation; only asyncio's keywords and names are replaced.
`--check` reports what is out of date instead of writing.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "stepwell" / "_asynchronous"
TARGET = ROOT / "stepwell" / "_blocking"
_WORDS = {
    r"async def": "def",
    r"async (for|with)": r"\1",
    r"await ": "",
    r"Async([A-Z]\w+)": r"\1",
    r"__aenter__": "__enter__",
    r"__aexit__": "__exit__",
    r"a(close|read|iter_bytes)\(": r"\1(",
    r"anext": "next",
    r"import asyncio": "import time",
    r"asyncio\.sleep": "time.sleep",
    r"for asyncio": "for threads",
    r"that use asyncio": "that use threads or none",
    r"_asynchronous": "_blocking",
    r"  # noqa: ASYNC\d+": "",
}
_HEAD = "# Made by `make blocking-client` from stepwell/_asynchronous/{name}: change that file.\n"


def modules() -> Mapping[str, str]:
    """Return the source of every module of the client for threads, by file name."""
    return {file.name: _module(file.name, file.read_text()) for file in SOURCE.glob("*.py")}


def blocking(source: str) -> str:
    """Return a source without awaits."""
    for pattern, replacement in _WORDS.items():
        start = "" if pattern.startswith(" ") else r"\b"
        source = re.sub(start + pattern, replacement, source)
    return source


def _module(name: str, source: str) -> str:
    text = _HEAD.format(name=name) + blocking(source)
    ruff = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TARGET / name), "-"]
    return subprocess.run(
        ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout


def stale(made: Mapping[str, str], kept: Path = TARGET) -> list[str]:
    """Return the names of files that are missing, outdated or left over."""
    there = {file.name: file.read_text() for file in kept.glob("*.py")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main() -> int:
    """Write the modules, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    made = modules()
    found = stale(made)
    if check:
        print("\n".join(f"{TARGET / name} is out of date: make blocking-client" for name in found))
        return 1 if found else 0
    TARGET.mkdir(exist_ok=True)
    for name in found:
        if name in made:
            (TARGET / name).write_text(made[name], encoding="utf-8")
        else:
            (TARGET / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
