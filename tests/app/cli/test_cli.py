"""The command line, run as a process."""

import argparse
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import pytest

from app.cli.main import GROUPS
from tests.harness.processes import STEPWELL, bin_folder, command, run
from tests.harness.server import Server

ROOT = Path(__file__).parents[3]
EXAMPLES = [
    file
    for file in sorted((ROOT / "examples").glob("*/*workflow.json"))
    if not (file.parent / "pyproject.toml").exists()
]


@pytest.mark.parametrize("group", GROUPS)
def test_each_command_has_its_own_module(group: str) -> None:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    import_module(f"app.cli.{group}").add(subparsers)
    assert tuple(subparsers.choices) == GROUPS[group]


def test_client_commands_do_not_import_the_server() -> None:
    seen = "import sys, app.cli.run_control, app.cli.follow, app.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert "stepwell.client" in loaded
    assert not {"starlette", "pydantic", "journal", "engine"} & set(loaded)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_example_is_a_definition(file: Path) -> None:
    assert run("check", file).stdout == f"{file}: OK\n"


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("strat", "w"), "there is no command strat; did you mean start?"),
        (("start", "w", "--wiat"), "stepwell start: error: unrecognized arguments: --wiat; did you mean --wait?"),
        (("runs", "delete"), "which runs? Name some, filter them (--status, --workflow), or say --all"),
        (("view", "delete", "\udcff"), r"error: not text in the encoding of this terminal: '\udcff'"),
        (("backup", "--to=--"), "error: argument --to: -- is no value"),
        (("variable", "set", "--tenant", "t", "n", "[" * 9_000), "double quotes: it is nested too deeply"),
        (("config", "--models", "[" * 9_000), "models (command line): must be JSON text: it is nested too deeply"),
        (("verify", "--data", "x" * 300), "/journal.sqlite3 cannot be used: File name too long"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_answered_with_the_nearest_word(
    words: tuple[str, ...], reported: str
) -> None:
    assert reported in run(*words).stderr


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_bytes(b"\xff\xfe")
    (tmp_path / "list.json").write_text("[]")
    for word in ("check", "run"):
        for name, what in (
            ("other.json", "is not a text in UTF-8"), ("gone.json", "No such file"),
            ("list.json", "a definition must be a JSON object"),
        ):  # fmt: skip
            shown = run(word, tmp_path / name)
            reported = shown.stdout + shown.stderr
            assert shown.returncode == 1
            assert reported.startswith(str(tmp_path / name))
            assert what in reported
            assert ": : " not in reported
    shown = run("run", tmp_path / "list.json", "--data-json", "{")
    assert (shown.returncode, shown.stderr[:24]) == (1, "--data-json is not JSON:")


def test_a_folder_that_is_a_loop_of_links_is_no_folder(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    shown = run("key", "create", "--data", loop, "--tenant", "t", "--role", "admin", "--name", "n")
    assert shown.stderr.endswith(
        f"stepwell: {loop} is not a folder: choose a data folder with --data\n"
    )


def test_check_names_path_and_line_of_every_problem(tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(
        '{\n  "name": "Bad",\n  "initialStep": "a",\n  "steps": [\n'
        '    {"id": "a", "type": "end-flow"},\n    {"id": "b",\n     "type": "wiat"}\n  ]\n}\n'
    )
    agent = tmp_path / "agent.json"
    agent.write_text('{"name": "A", "instructions": "Be brief.",\n"modle": "fast"}')
    shown = run("check", file, agent)
    assert shown.returncode == 1
    assert (
        f"{file}:7: steps[1].type: wiat is not a known step type; did you mean wait?"
        in shown.stdout
    )
    assert f"{agent}:2: modle: is not a known key; did you mean model?" in shown.stdout
    agent.write_text('{"name": "A", "instructions": "Be brief."}')
    assert run("check", agent).stdout == f"{agent}: OK\n"


def test_run_shows_the_history_without_a_server() -> None:
    file = ROOT / "examples" / "reminder" / "workflow.json"
    shown = run("run", file, "--data-json", '{"about": "tea"}')
    document = json.loads(shown.stdout)
    assert (shown.returncode, document["result"]) == (0, {"reminded": "tea"})
    assert len(document["stepExecutionHistory"]) == 2


def test_key_commands_work_with_and_without_a_server(server: Server) -> None:
    arguments = ("key", "list", "--data", server.data, "--tenant", "acme")
    made = server.key("viewer")
    assert [key["role"] for key in command(*arguments)["keys"]] == ["viewer"]
    with server.client("owner") as owner:
        assert command(*arguments)["keys"] == owner.get("/api/keys").json()
        owner.put("/api/variables/RATE", json={"value": 5}).raise_for_status()
        variables = command("variable", *arguments[1:])["variables"]
        assert variables == owner.get("/api/variables").json()
    server.kill()
    listed = command(*arguments)
    assert made not in json.dumps(listed)
    assert len(listed["keys"]) == 2
    nobody = run("key", "list", "--data", server.data, "--tenant", "other")
    assert (nobody.returncode, nobody.stdout) == (0, "")


def test_config_shows_the_source_of_a_value() -> None:
    shown = json.loads(run("config", "--port", "81", "--json").stdout)
    assert shown["port"] == {"value": 81, "source": "command line"}
    assert shown["host"]["source"] == "default"


def test_an_unknown_setting_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("prot = 1")
    shown = run("config", "--config", tmp_path / "s.toml")
    assert (shown.returncode, "did you mean port?" in shown.stderr) == (1, True)


def test_the_commands_of_the_readme_work(server: Server, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    serving = ("make ", ".venv/bin/stepwell dev")
    script = "\n".join(block for block in blocks if not block.startswith(serving))
    script = script.replace(".venv/bin/stepwell", str(bin_folder() / "stepwell")).replace(
        "http://127.0.0.1:8080", server.address
    )
    script = script.replace("--data data", f"--data {server.data}")
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "Hello, Ada!" in shown.stdout


def test_the_commands_of_the_operations_page_work(server: Server, tmp_path: Path) -> None:
    text = (ROOT / "single-node.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    # `accept-loss` needs a stopped server and a loss: tests/crash/test_missing_wal.py.
    skipped = ("make ", ".venv/bin/stepwell serve", ".venv/bin/stepwell accept-loss")
    script = "\n".join(block for block in blocks if not block.startswith(skipped))
    script = script.replace(".venv/bin/stepwell", str(bin_folder() / "stepwell")).replace(
        "--data data", f"--data {server.data}"
    )
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert '"secret"' in shown.stdout
    assert "0 faults" in shown.stdout
    keys = command("key", "list", "--data", tmp_path / "restored", "--tenant", "default")["keys"]
    assert {key["name"] for key in keys} == {"backend"}


def test_a_key_made_in_a_folder_by_mistake_is_noticed_and_listed_with_times(tmp_path: Path) -> None:
    place = ("--data", tmp_path / "other", "--tenant", "default")
    for verb in ("key", "jwt-secret"):
        made = run(verb, "create", *place)
        assert ("New data folder" in made.stderr) == (verb == "key")
        (shown,) = run(verb, "list", *place).stdout.splitlines()
        assert re.search(r"  createdAt=20\d\d-[\d-]+T[\d:.]+Z  (.*  )?disabledAt=-$", shown), shown
    assert "  expiresAt=-  lastUsedAt=-  " in run("key", "list", *place).stdout
    assert run("key", "list", *place[:2], "--tenant", "nobody").stdout == ""


def test_a_tour_on_a_port_in_use_sends_nothing_and_keeps_sign_in_possible(tmp_path: Path) -> None:
    asked: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Suppress the log of requests."""

    data = tmp_path / "data"
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, args=(0.05,), daemon=True).start()
        port = str(stranger.server_address[1])
        python = Path(STEPWELL).with_name("python")
        tour: list[str | Path] = [python, ROOT / "scripts" / "tour.py", "--once"]
        shown = subprocess.run(
            [*tour, "--data", data, "--port", port], capture_output=True, text=True, check=False
        )
        stranger.shutdown()
    assert (shown.returncode, shown.stdout, asked) == (1, "", [])
    assert f"port {port} of 127.0.0.1 is in use by another program" in shown.stderr
    assert not data.exists()


def test_a_start_shows_a_code_while_no_owner_can_sign_in(tmp_path: Path) -> None:
    def first_words() -> str:
        with subprocess.Popen(
            [STEPWELL, "serve", "--data", tmp_path, "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as server:  # fmt: skip
            assert server.stdout is not None
            said = ""
            while '"server started"' not in said:
                said += server.stdout.readline()
            server.terminate()
            return said

    command("key", "create", "--data", tmp_path, "--tenant", "default", "--role", "editor")
    assert "/first-owner with the code " in first_words()
    assert "sk_" not in first_words()
    command("key", "create", "--data", tmp_path, "--tenant", "default", "--role", "owner")
    assert "code" not in first_words()


def test_a_closed_pipe_ends_a_command_silently(tmp_path: Path) -> None:
    result = {"long": "{{ 'x' * 200000 }}"}
    flow = {"name": "Long", "initialStep": "end",
            "steps": [{"id": "end", "type": "end-flow", "result": result}]}  # fmt: skip
    file = tmp_path / "long.json"
    file.write_text(json.dumps(flow))
    pipe = subprocess.Popen([STEPWELL, "run", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert pipe.stdout is not None
    assert pipe.stderr is not None
    pipe.stdout.read(1)
    pipe.stdout.close()
    assert (pipe.stderr.read(), pipe.wait(30)) == (b"", 141)
    pipe.stderr.close()


def test_the_tour_completes_a_sample(tmp_path: Path) -> None:
    from tests.harness.server import free_port

    tour: list[str | Path] = [Path(STEPWELL).with_name("python"), ROOT / "scripts" / "tour.py"]
    place: list[str | Path] = ["--once", "--data", tmp_path / "data", "--port", str(free_port())]
    shown = subprocess.run([*tour, *place], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("/first-owner with the code ") == 2
    assert "sk_" not in shown.stdout
    assert '"paid": true' in shown.stdout
    again = subprocess.run([*tour, *place], capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout.count("$ curl")) == (0, 0), again.stdout
    assert again.stdout.count("/first-owner with the code ") == 2
    listed = command("key", "list", "--data", tmp_path / "data", "--tenant", "default", "--json")
    assert len(listed["keys"]) == 1, "each start has made a key"
