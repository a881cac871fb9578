"""`stepwell dev` publishes files when they are saved, and shows errors in terminal and browser."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.harness.processes import run, start
from tests.harness.server import free_port

WRONG = """\
name: Broken
initialStep: ask
steps:
  - id: ask
    type: colect-inputs
"""


def until(what: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_folder_is_published_as_it_is_saved(tmp_path: Path) -> None:
    folder, output = tmp_path / "flows", tmp_path / "output"
    port = free_port()
    place = ["--data", tmp_path / "data", "--port", port, "--no-browser"]
    with output.open("wb") as shown:
        dev = start("dev", folder, *place, stdout=shown, stderr=shown)
    try:
        until(lambda: "signs you in" in output.read_text())
        said = output.read_text()
        assert f"{folder}/greeting.yaml: created, workflow greeting 1.0.0" in said
        found = re.search(r"Open (\S+)", said)
        assert found is not None
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as browser:
            assert "Greeting" in browser.get(found[1]).text
            assert httpx.get(found[1]).status_code == 401
            listed = browser.get("/api/workflows").json()
            assert [(item["id"], item["status"]) for item in listed] == [("greeting", "published")]

            file = folder / "greeting.yaml"
            file.write_text(file.read_text().replace("Hello,", "Good day,"))
            until(lambda: "updated, workflow greeting 1.0.1" in output.read_text())
            assert "Good day" in browser.get("/api/workflows/greeting?version=published").text

            (folder / "broken.yml").write_text(WRONG)
            (folder / "package.json").write_text('{"name": "no definition"}')
            until(lambda: "did you mean collect-inputs?" in output.read_text())
            assert f"{folder}/broken.yml:5: steps[0].type: " in output.read_text()
            assert "1 watched file" in browser.get("/workflows").text
            assert "Line 5" in browser.get("/watched").text
            (folder / "broken.yml").write_text("a: b: c")
            until(lambda: f"{folder}/broken.yml:1: " in output.read_text())
            (folder / "broken.yml").unlink()
            until(lambda: "watched file" not in browser.get("/workflows").text)
    finally:
        dev.send_signal(signal.SIGTERM)
        assert dev.wait(30) == 0
    assert "package.json" not in output.read_text()


def test_it_refuses_to_listen_beyond_the_local_machine(tmp_path: Path) -> None:
    shown = run("dev", tmp_path, "--host", "0.0.0.0", "--data", tmp_path / "data")
    assert (shown.returncode, "--host must be local" in shown.stderr) == (1, True)
    assert not (tmp_path / "data").exists()
