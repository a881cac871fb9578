"""A forked command behaves as the installed script does, and is a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.processes import Forked, run, start

ROOT = Path(__file__).parents[2]
RUNNING = Path("/proc")


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (("nonsense",), {}),
        (("--version",), {}),
        (("config", "--json"), {"STEPWELL_PORT": "81"}),
        (("config",), {"STEPWELL_PROT": "81"}),
    ],
    ids=["unknown", "version", "config", "wrong"],
)
def test_a_fork_has_the_output_and_exit_code_of_the_installed_script(
    words: tuple[str, ...], settings: dict[str, str]
) -> None:
    environment = {**os.environ, **settings}
    forked = run(*words, environment=environment)
    script = run(*words, environment=environment, installed=True)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        script.returncode, script.stdout, script.stderr,
    )  # fmt: skip


def test_variables_read_at_an_interpreters_start_take_effect(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('customized')")
    named = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert run("--version", environment=named).stdout.startswith("customized\n")


@contextmanager
def waiting(folder: Path) -> Iterator[Forked]:
    """Start a command that waits for its standard input."""
    words = ("secret", "set", "NAME", "--data", folder, "--tenant", "acme")
    process = start(*words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert isinstance(process, Forked)
    assert process.stdin is not None
    with process.stdin:
        yield process
    process.wait(60)


@pytest.mark.parametrize("how", [Forked.kill, lambda one: os.kill(one.pid, signal.SIGKILL)])
def test_a_fork_is_its_own_process_and_can_be_killed(
    how: Callable[[Forked], None], tmp_path: Path
) -> None:
    with waiting(tmp_path / "a") as one, waiting(tmp_path / "b") as other:
        assert len({one.pid, other.pid, os.getpid()}) == 3
        assert one.poll() is None
        how(one)
        assert one.wait(60) == -signal.SIGKILL
        assert not (RUNNING / str(one.pid)).exists()
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.01)
    assert other.returncode == 1


def test_forks_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    program = (
        "import os, sys; from tests.harness.processes import start; from subprocess import PIPE;"
        "print(start('secret', 'set', 'A', '--data', sys.argv[1], '--tenant', 'a', stdin=PIPE).pid, flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, check=False)  # fmt: skip
    assert ended.returncode == -signal.SIGKILL
    until = time.monotonic() + 60
    while (RUNNING / ended.stdout.decode().strip()).exists():
        assert time.monotonic() < until
        time.sleep(0.01)
