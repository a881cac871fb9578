"""The wheels: the client is a separate package, and the server's contains only the server."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from email import message_from_bytes
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.harness.server import Server

ROOT = Path(__file__).parents[2]
SOURCES = ("app", "engine", "journal", "steps", "stepwell", "client")
ASKING = {
    "id": "from-a-wheel", "name": "From a wheel", "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow", "result": {"sum": "{{ data.a + 1 }}"}}],
}  # fmt: skip
PROGRAM = """
from stepwell.client import Client
with Client() as client:
    print(client.start("from-a-wheel", {"a": 16}).wait(timeout=120).result["sum"])
"""


def built(project: Path, to: Path) -> Path:
    """Build a project with the installed build backend and return its wheel."""
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps",
        "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(to), str(project),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = to.iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the wheels of client and server from a copy of the checkout and return them."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        ignored = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return (
        built(copy / "client", tmp_path_factory.mktemp("client")),
        built(copy, tmp_path_factory.mktemp("server")),
    )


def metadata_of(wheel: Path) -> Message:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def packages_in(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    return {top for top in tops if not top.endswith(".dist-info")}


def needed(name: str) -> set[str]:
    """Return the names of an installed package and of all its dependencies."""
    found: set[str] = set()
    wanted = [name]
    while wanted:
        found.add(name := wanted.pop())
        for needs in distribution(name).requires or ():
            other = re.split(r"[^\w.-]", needs)[0]
            is_plain = "extra ==" not in needs and "python_version <" not in needs
            if is_plain and other not in found:
                wanted.append(other)
    return found


def test_each_wheel_contains_its_own_packages(wheels: tuple[Path, Path]) -> None:
    client, server = wheels
    assert packages_in(client) == {"stepwell"}
    assert packages_in(server) == {"app", "engine", "journal", "steps"}
    with ZipFile(client) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        size = sum(item.file_size for item in archive.infolist())
    here = {str(file.relative_to(ROOT)) for file in (ROOT / "stepwell").rglob("*.py")}
    assert names == here | {"stepwell/py.typed"}
    assert size < 1_000_000


def test_each_wheel_has_complete_metadata(wheels: tuple[Path, Path]) -> None:
    client, server = (metadata_of(wheel) for wheel in wheels)
    assert (client["Name"], server["Name"]) == ("stepwell-client", "stepwell")
    assert client["Version"] == server["Version"]
    assert client.get_all("Requires-Dist") == ["httpx<0.29,>=0.28"]
    assert f"stepwell-client=={client['Version']}" in server.get_all("Requires-Dist", [])
    for metadata in (client, server):
        assert metadata["License-Expression"] == "Apache-2.0"
        assert metadata["Requires-Python"] == ">=3.11"
        assert "Programming Language :: Python :: 3.13" in metadata.get_all("Classifier", [])
        assert len(metadata["Summary"]) > 40
        assert len(str(metadata.get_payload())) > 500
    assert (ROOT / "client" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    both = [
        tomllib.loads((ROOT / place / "pyproject.toml").read_text()) for place in ("", "client")
    ]
    assert both[0]["build-system"] == both[1]["build-system"]


@pytest.fixture(scope="module")
def alone(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that has only the client and its dependencies."""
    place = tmp_path_factory.mktemp("alone")
    venv.create(place, symlinks=True)
    (packages,) = place.glob("lib/python*/site-packages")
    for name in needed("httpx"):  # copied, since a test must not use the network
        for file in distribution(name).files or ():
            if not str(file).startswith(".."):
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), packages / file)
    with ZipFile(wheels[0]) as archive:
        archive.extractall(packages)
    return place / "bin" / "python"


def test_the_client_starts_a_run_without_the_server_package(alone: Path, shared: Server) -> None:
    with shared.client() as owner:
        owner.post("/api/workflows", json=ASKING).raise_for_status()
    environment = {
        **os.environ, "STEPWELL_URL": shared.address, "STEPWELL_KEY": shared.key(),
        "STEPWELL_TENANT": "acme",
    }  # fmt: skip
    done = subprocess.run(
        [alone, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False,
        cwd=alone.parent,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("17\n", "")


def test_the_client_does_not_install_the_server(alone: Path) -> None:
    look = "from importlib.util import find_spec\nprint([name for name in ('app', 'engine', 'journal', 'steps', 'pydantic', 'starlette') if find_spec(name)])"
    done = subprocess.run(
        [alone, "-c", look], capture_output=True, text=True, check=True, cwd=alone.parent
    )
    assert done.stdout == "[]\n"


def test_the_command_line_needs_the_server_package(alone: Path) -> None:
    def ran(python: Path | str) -> tuple[int, str]:
        done = subprocess.run(
            [python, "-m", "stepwell", "--version"], capture_output=True, text=True, check=False,
            cwd=alone.parent,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    assert ran(sys.executable) == (0, f"{distribution('stepwell').version}\n")
    code, text = ran(alone)
    assert code == 1
    assert "the Stepwell server, which is not installed" in text
