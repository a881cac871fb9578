"""`python -m benchmarks`: Stepwell compared with its peers and with the limits of the machine.

All systems are started in separate folders and on free ports of this machine, and stopped
afterwards. Every load is bounded in count and time.
"""

import argparse
import json
import os
import platform
import signal
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import limits
from benchmarks.goals import goals
from benchmarks.own import rows
from benchmarks.page import put
from benchmarks.plan import QUICK, Plan
from benchmarks.report import markdown
from benchmarks.rounds import measure_all, say
from benchmarks.systems.base import PYTHON, ROOT
from benchmarks.systems.every import NOT_MEASURED, SYSTEMS

_RESULTS = ROOT / "benchmarks" / "results"
_ON_DISK = Path("/var/tmp")
"""Where a disk is, which /tmp need not be."""

_PICTURE = "![Runs a second, and latency at 64 callers](../benchmarks/results/latest.svg)"


def main() -> int:
    given = parser().parse_args()
    plan = QUICK if given.quick else Plan()
    if given.events:
        plan = replace(plan, events=given.events)
    if given.rounds:
        plan = replace(plan, rounds=given.rounds)
    names = [name for name in SYSTEMS if not given.only or name in given.only]
    if given.own:
        names = []
    began = time.monotonic()
    signal.signal(signal.SIGTERM, _stop)
    with tempfile.TemporaryDirectory(
        prefix="stepwell-bench-", dir=given.folder or _ON_DISK
    ) as made:
        folder = Path(made)
        folder.chmod(0o755)
        found = _measure(plan, names, folder, is_all=not given.only)
    found["is_whole"] = not given.quick and not given.only and not given.own
    found["took_s"] = round(time.monotonic() - began)
    _write(found, "latest" if found["is_whole"] else "quick")
    return 0


def _stop(*_: object) -> None:
    """End as Ctrl-C does, so that all started processes are ended too."""
    raise SystemExit(143)


def parser() -> argparse.ArgumentParser:
    """Return the option parser; the page on performance describes the options."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("--quick", action="store_true", help="a look in a few minutes")
    options.add_argument(
        "--only", nargs="+", choices=list(SYSTEMS), help="these systems and nothing else"
    )
    options.add_argument("--own", action="store_true", help="only Stepwell's own rows")
    options.add_argument(
        "--events", type=int, help="how many events the full journal has (10000000 takes minutes)"
    )
    options.add_argument("--rounds", type=int, help="how often each system is measured (3)")
    options.add_argument(
        "--folder", type=Path, help="where the data lies while it is measured (/var/tmp): on a disk"
    )
    return options


def _measure(plan: Plan, names: list[str], folder: Path, *, is_all: bool) -> dict[str, Any]:
    found: list[dict[str, float]] = []

    def look(number: int) -> None:
        say("the machine's own limits")
        found.append(limits.measure(folder / f"limits-{number}", plan.limit_seconds))

    look(0)
    systems = measure_all(plan, names, folder)
    look(1)
    own = rows.measure(plan, folder / "own") if is_all else {}
    look(2)
    return {
        "measured": time.strftime("%Y-%m-%d"),
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9,
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "load_before": os.getloadavg(),
        },
        "plan": asdict(plan),
        "limits": {name: median(one[name] for one in found) for name in found[0]},
        "limits_each": found,
        "systems": systems,
        "not_measured": NOT_MEASURED,
        "stepwell": own,
    }


def _write(found: dict[str, Any], name: str) -> None:
    """Write figures, tables and picture; only those of a complete run go into the page."""
    _RESULTS.mkdir(exist_ok=True)
    found["goals"] = [asdict(goal) for goal in goals(found)]
    text = markdown(found)
    data = _RESULTS / f"{name}.json"
    data.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (_RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    if PYTHON.exists():
        picture = _RESULTS / f"{name}.svg"
        command = [str(PYTHON), "-m", "benchmarks.plot", str(data), str(picture)]
        subprocess.run(command, cwd=ROOT, check=True)
    if found["is_whole"]:
        put(ROOT / "docs" / "performance.md", f"{_PICTURE}\n\n{text}")
    print(f"\n{text}\nin {found['took_s']} s; see {data.relative_to(ROOT)}")


if __name__ == "__main__":
    raise SystemExit(main())
