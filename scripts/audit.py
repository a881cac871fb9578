"""Look up every pinned package in OSV, the open database of vulnerabilities.

Exit codes: 0 no known vulnerability, 1 a known one, 3 the database cannot be reached, so nothing
was checked. With `--if-reachable`, as in CI, the last case also exits with 0 and is reported.
"""

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
TIMEOUT_S = 30


def pinned(files: list[Path]) -> list[tuple[str, str]]:
    """Return name and version of every pinned package."""
    return sorted(
        {(name, version) for file in files for name, version in PIN.findall(file.read_text())}
    )


def known(service: str, packages: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return known vulnerabilities by name and version. Raises OSError or ValueError."""
    queries = [
        {"package": {"ecosystem": "PyPI", "name": name}, "version": version}
        for name, version in packages
    ]
    request = urllib.request.Request(  # noqa: S310 - the operator names the service
        f"{service}/v1/querybatch",
        json.dumps({"queries": queries}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        results: list[dict[str, Any]] = json.load(answer)["results"]
    if len(results) != len(packages):
        raise ValueError(f"{len(results)} answers to {len(packages)} questions")
    return {
        f"{name} {version}": [item["id"] for item in result["vulns"]]
        for (name, version), result in zip(packages, results, strict=True)
        if result.get("vulns")
    }


def main() -> int:
    """Check all packages, print the result, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", default="https://api.osv.dev")
    parser.add_argument("--if-reachable", action="store_true")
    parser.add_argument("files", nargs="*", type=Path, default=[ROOT / "requirements.txt"])
    args = parser.parse_args()
    packages = pinned(args.files)
    try:
        found = known(args.service, packages)
    except (OSError, ValueError, KeyError, TypeError) as failed:
        print(f"NOT AUDITED: no usable answer from {args.service}: {failed}")
        return 0 if args.if_reachable else 3
    for package, ids in found.items():
        print(f"{package}: {', '.join(ids)}")
    print(f"{len(packages)} packages audited, {len(found)} with known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
