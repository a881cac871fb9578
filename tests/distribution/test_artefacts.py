"""Each artefact is tried as users would install it: `make dist` runs this on its results.

Each is started in an empty folder by an unprivileged user, does work of every kind, is killed,
continues, and takes over a folder of the previous release.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.postgres import PostgresServer, programs
from tests.harness.server import free_port, settled

DIST = Path(os.environ.get("STEPWELL_DIST", "none")).absolute()
ROOT = Path(__file__).parents[2]
VERSION = version("stepwell")
RELEASE = ROOT / "tests" / "releases" / "0.1.0.tar.gz"
PLUGIN = """
import cgi, colorsys, ftplib, graphlib, plistlib, statistics, wave, zoneinfo
from steps import tool

@tool
def middle(values: list[float]) -> float:
    return statistics.median(values)
"""
PATTERNS = {
    "file": "stepwell-*-linux-*",
    "package": "stepwell_*.deb",
    "image": "stepwell-*-image-*.tar",
}
LARGEST_MB = {"file": 58, "package": 58, "image": 64}
NOBODY = 65534
STEPWELL = 10001
WORK = {
    "id": "work", "name": "Work", "initialStep": "read", "steps": [
        {"id": "read", "type": "call-tool", "toolId": "extract-document", "inputs": {"fileId": "{{ data.fileId }}"},
         "output": {"text": {"type": "string", "value": "{{ result.text }}"}}},
        {"id": "middle", "type": "call-tool", "toolId": "middle", "inputs": {"values": [3, 1, 2]},
         "output": {"middle": {"type": "number", "value": "{{ result }}"}}},
        {"id": "ask", "type": "request-user-action", "message": "Go on?",
         "actions": [{"label": "Yes", "value": "yes"}]},
        {"id": "end", "type": "end-flow", "result": {"text": "{{ data.text }}", "middle": "{{ data.middle }}"}},
    ],
    "edges": [{"from": "read", "to": "middle"}, {"from": "middle", "to": "ask"}, {"from": "ask", "to": "end"}],
}  # fmt: skip
SHORT = {
    "id": "short", "name": "Short", "initialStep": "end", "steps": [{"id": "end", "type": "end-flow"}],
}  # fmt: skip

pytestmark = pytest.mark.skipif(not DIST.is_dir(), reason="tries what `make dist` has made")


@dataclass
class Installed:
    """An installed program, and the folder that its user may write to."""

    words: list[str]
    home: Path
    root: Path = field(default_factory=lambda: Path("/"))
    user: int = NOBODY

    def start(self, *words: object, **more: Any) -> "subprocess.Popen[str]":
        reported = [*self.words, *(str(word) for word in words)]
        home = "/" + str(self.home.relative_to(self.root))

        def become() -> None:
            if self.root != Path("/"):
                os.chroot(self.root)
            os.chdir(home)
            os.setgroups([])
            os.setgid(self.user)
            os.setuid(self.user)

        return subprocess.Popen(
            reported, text=True, preexec_fn=become, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,  # noqa: PLW1509 - one thread
            env={"PATH": "/usr/bin:/bin", "HOME": home, "STEPWELL_CACHE": f"{home}/cache", **more},
        )  # fmt: skip

    def run(self, *words: object) -> str:
        process = self.start(*words)
        shown, _ = process.communicate(timeout=120)
        assert process.returncode == 0, shown
        return shown

    def give(self, path: Path) -> None:
        """Change the owner of a path to its user."""
        for each in (path, *path.rglob("*")):
            os.chown(each, self.user, self.user)


@pytest.fixture(scope="module", params=PATTERNS)
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    assert os.getuid() == 0, "it becomes another user, so it has to be started by root"
    with tempfile.TemporaryDirectory(prefix="stepwell-") as folder:
        Path(folder).chmod(0o755)
        program = unpacked(request.param, Path(folder))
        program.home.mkdir(exist_ok=True)
        program.give(program.home)
        yield program


def artefact(kind: str) -> Path:
    (made,) = DIST.glob(PATTERNS[kind])
    return made


def unpacked(kind: str, place: Path) -> Installed:
    made = artefact(kind)
    match kind:
        case "file":
            shutil.copy(made, place / "stepwell")
            return Installed([str(place / "stepwell")], place / "home")
        case "package":
            subprocess.run(["dpkg-deb", "--extract", made, place], check=True)
            return Installed([str(place / "usr" / "bin" / "stepwell")], place / "home")
        case _:
            root = place / "root"
            _unpack(made, place, root)
            return Installed(["/opt/stepwell/stepwell"], root / "data", root, STEPWELL)


def _unpack(image: Path, work: Path, root: Path) -> None:
    """Unpack the layers of an image into a folder, as a container engine does."""
    layout = work / "layout"
    with tarfile.open(image) as packed:
        packed.extractall(layout, filter="data")

    def blob(digest: str) -> Path:
        return layout / "blobs" / digest.replace(":", "/")

    index = json.loads((layout / "index.json").read_text())
    named = index["manifests"][0]["annotations"]["io.containerd.image.name"]
    (saved,) = json.loads((layout / "manifest.json").read_text())
    assert named.removeprefix("docker.io/library/") == saved["RepoTags"][0] == f"stepwell:{VERSION}"
    assert all((layout / path).is_file() for path in (saved["Config"], *saved["Layers"]))
    manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
    config = json.loads(blob(manifest["config"]["digest"]).read_text())["config"]
    assert (config["User"], config["Entrypoint"]) == ("10001:10001", ["/opt/stepwell/stepwell"])
    root.mkdir()
    for layer in manifest["layers"]:
        with tarfile.open(blob(layer["digest"])) as packed:
            packed.extractall(root, filter="tar", numeric_owner=True)


class Serving:
    """A server started from an installed program."""

    def __init__(self, program: Installed, *more: object, **environment: str) -> None:
        self.port = free_port()
        self.process = program.start("serve", "--port", self.port, *more, **environment)
        began = time.monotonic()
        while True:
            assert self.process.stdout is not None
            line = self.process.stdout.readline()
            assert line, "it ended"
            if "server started" in line:
                break
        self.took_s = time.monotonic() - began

    def client(self, key: str) -> httpx.Client:
        headers = {"x-api-key": key, "x-tenant-id": "default"}
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)


@pytest.fixture
def data(installed: Installed) -> Iterator[Path]:
    folder = installed.home / "work"
    folder.mkdir()
    (folder / "plugin.py").write_text(PLUGIN)
    installed.give(folder)
    yield folder
    shutil.rmtree(folder)


def inside(installed: Installed, path: Path) -> str:
    return "/" + str(path.relative_to(installed.root))


def owner_key(installed: Installed, folder: str) -> str:
    """Make a key on a running server."""
    shown = installed.run(
        "key", "create", "--tenant", "default", "--role", "owner", "--data", folder
    )
    found = re.search(r"^sk_\S+$", shown, re.MULTILINE)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("kind", PATTERNS)
def test_it_is_no_larger_than_it_has_to_be(kind: str) -> None:
    assert artefact(kind).stat().st_size <= LARGEST_MB[kind] * 1_000_000


def test_it_works_and_continues_after_a_kill(installed: Installed, data: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", installed.run("--version"))
    folder = inside(installed, data / "data")
    environment = {"STEPWELL_PLUGINS": inside(installed, data / "plugin.py")}
    first = Serving(installed, "--data", folder, **environment)
    key = owner_key(installed, folder)
    with first.client(key) as client:
        assert client.get("/sign-in", follow_redirects=True).status_code == 200
        made = client.post("/api/workflows", json=WORK)
        assert made.status_code == 201, made.text
        sent = {"attachment": ("rows.csv", b"name,total\nAda,3\n", "text/csv")}
        started = client.post("/api/workflow/start-async/work", files=sent)
        assert started.status_code == 200, started.text
        run_id = started.json()["runId"]
        stands = settled(client, run_id, "paused", "failed")
        assert stands["status"] == "paused", str(stands["error"])
    first.stop(signal.SIGKILL)
    second = Serving(installed, "--data", folder, **environment)
    with second.client(key) as client:
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "yes"}
        assert client.post(f"/api/workflow/resume/{run_id}", json=answer).status_code == 200
        done = settled(client, run_id, "completed")
        assert done["result"]["middle"] == 2
        assert "Ada" in done["result"]["text"]
    assert installed.run("ready", "--url", f"http://127.0.0.1:{second.port}") == "ready\n"
    installed.run("backup", "--data", folder, "--to", f"{folder}-copy")
    second.stop()
    assert "0 faults" in installed.run("verify", "--data", folder, "--quiet")
    assert "SQLite: 3.5" in installed.run("doctor", "--data", folder)
    print(f"\nready after {first.took_s:.2f} s at first, {second.took_s:.2f} s again")


@pytest.mark.skipif(programs() is None, reason="PostgreSQL is not installed")
def test_it_keeps_its_journal_in_postgresql(installed: Installed, data: Path) -> None:
    folder, port = inside(installed, data / "data"), str(free_port())
    with PostgresServer(listen_addresses="127.0.0.1", port=port) as postgres:
        url = f"postgresql://stepwell@127.0.0.1:{port}/postgres"
        serving = Serving(installed, "--data", folder, STEPWELL_DATABASE=url)
        with serving.client(owner_key(installed, folder)) as client:
            assert client.post("/api/workflows", json=SHORT).status_code == 201
            started = client.post("/api/workflow/start/short", json={})
            assert started.json()["status"] == "completed", started.text
        serving.stop()
        assert postgres.execute("SELECT id FROM stepwell.workflows") == [("short",)]


def test_it_takes_over_from_the_previous_release(installed: Installed, data: Path) -> None:
    with tarfile.open(RELEASE) as packed:
        packed.extractall(data / "old", filter="data")
    shutil.copy(ROOT / "tests" / "harness" / "plugin.py", data / "plugin.py")
    installed.give(data)
    (data / "stepwell.toml").write_text(f'plugins = ["{inside(installed, data / "plugin.py")}"]')
    folder = (
        "--data",
        inside(installed, data / "old"),
        "--config",
        inside(installed, data / "stepwell.toml"),
    )
    assert "runs with" in installed.run("upgrade", "--rehearse", *folder)
    Serving(installed, *folder).stop()
    assert "0 faults" in installed.run(
        "verify", "--data", inside(installed, data / "old"), "--quiet"
    )
