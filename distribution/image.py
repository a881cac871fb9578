"""A container image as an OCI archive: the program, the C library, time zones; no shell.

It is written by umoci (a Debian package), which needs no container engine.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from distribution.checkout import commit_time

_SYSTEM = ("libc6", "libgcc-s1", "zlib1g", "tzdata", "netbase")
"""Debian packages whose files the image needs in addition to the program."""
_NOT_NEEDED = (
    "usr/share/doc",
    "usr/share/lintian",
    "usr/share/man",
    "usr/lib/*-linux-gnu*/gconv",  # the path contains the architecture
)
_USER = 10001
_NAMES = {
    "etc/passwd": f"root:x:0:0::/:/sbin/nologin\nstepwell:x:{_USER}:{_USER}::/data:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nstepwell:x:{_USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
_CONFIG = (
    "--config.user", f"{_USER}:{_USER}",
    "--config.entrypoint", "/opt/stepwell/stepwell",
    "--config.cmd", "serve",
    "--config.env", "STEPWELL_DATA=/data",
    "--config.env", "STEPWELL_HOST=0.0.0.0",
    "--config.env", "HOME=/data",
    "--config.env", "PATH=/opt/stepwell",
    "--config.env", "LANG=C.UTF-8",
    "--config.exposedports", "8080/tcp",
    "--config.volume", "/data",
    "--config.workingdir", "/data",
    "--config.stopsignal", "SIGTERM",
    "--config.label", "org.opencontainers.image.title=Stepwell",
    "--config.label", "org.opencontainers.image.licenses=Apache-2.0",
)  # fmt: skip


def written(program: Path, out: Path) -> Path:
    """Write the archive into the folder `out` for `docker load` or `podman load`; return its path.

    Raises `subprocess.CalledProcessError` if umoci or a Debian package is not available.
    """
    work = program.parent.parent / "image"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    layout, bundle = work / "layout", work / "bundle"
    tag = version("stepwell")
    image = f"{layout}:{tag}"
    made = _iso(int(commit_time()))
    _run("umoci", "init", "--layout", layout)
    _run("umoci", "new", "--image", image)
    _run("umoci", "unpack", "--image", image, bundle)
    _fill(bundle / "rootfs", program, work)
    _date(bundle / "rootfs", int(commit_time()))
    _run("umoci", "repack", "--history.created", made, "--image", image, bundle)
    _run(
        "umoci", "config", "--image", image, *_CONFIG, "--created", made,
        "--history.created", made, "--config.label", f"org.opencontainers.image.version={tag}",
    )  # fmt: skip
    _run("umoci", "gc", "--layout", layout)
    _name(layout, f"stepwell:{tag}")
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"stepwell-{tag}-image-{os.uname().machine}.tar"
    _run(
        "tar", "--create", "--file", file.absolute(), "--sort=name", "--owner=0", "--group=0",
        "--numeric-owner", f"--mtime=@{commit_time()}", "--directory", layout, ".",
    )  # fmt: skip
    return file


def _name(layout: Path, name: str) -> None:
    """Set the image's name, under which it is loaded.

    umoci writes only the tag. containerd and podman read the name from an annotation; Docker
    without containerd's store accepts only the format of `docker save`, with `manifest.json`.
    """
    index = json.loads((layout / "index.json").read_text())
    (described,) = index["manifests"]
    described["annotations"]["io.containerd.image.name"] = f"docker.io/library/{name}"
    (layout / "index.json").write_text(json.dumps(index))
    manifest = json.loads((layout / _blob(described)).read_text())
    saved = {
        "Config": _blob(manifest["config"]),
        "RepoTags": [name],
        "Layers": [_blob(layer) for layer in manifest["layers"]],
    }
    (layout / "manifest.json").write_text(json.dumps([saved]))


def _blob(described: Mapping[str, str]) -> str:
    return f"blobs/{described['digest'].replace(':', '/')}"


def _fill(root: Path, program: Path, work: Path) -> None:
    """Copy the files of the image into `root`."""
    packages = work / "packages"
    packages.mkdir()
    _run("apt-get", "download", "-qq", *_SYSTEM, cwd=packages)
    for package in sorted(packages.glob("*.deb")):
        _run("dpkg-deb", "--extract", package, root)
    for path in _NOT_NEEDED:
        for found in list(root.glob(path)):
            shutil.rmtree(found)
    shutil.copytree(program, root / "opt" / "stepwell", symlinks=True)
    for name, text in _NAMES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    data = root / "data"
    data.mkdir()
    data.chmod(0o700)
    if os.getuid() == 0:
        os.chown(data, _USER, _USER)


def _date(root: Path, time_s: int) -> None:
    for path in (root, *root.rglob("*")):
        os.utime(path, (time_s, time_s), follow_symlinks=False)


def _iso(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _run(*command: object, cwd: Path | None = None) -> None:
    subprocess.run([str(word) for word in command], check=True, cwd=cwd)
