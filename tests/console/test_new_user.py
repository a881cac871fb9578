"""A new user's path from `make run` to the first approved run of their own, with its duration."""

import os
import queue
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome

from tests.console.browser import Person
from tests.harness.server import free_port

ROOT = Path(__file__).parents[2]


@contextmanager
def make_run(data: Path, port: int) -> Iterator["queue.Queue[str]"]:
    """Run `make run` with an empty data folder, in a checkout that is already installed."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("STEPWELL_", "MAKE", "MFLAGS"))
    }
    made = subprocess.Popen(
        ["make", "--old-file=.venv/installed", "run", f"DATA={data}", f"PORT={port}", "GUIDE="],
        cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert made.stdout is not None
        with made.stdout as output:
            for line in output:
                lines.put(line)
        lines.put("")

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield lines
    finally:
        os.killpg(made.pid, signal.SIGTERM)
        made.wait(60)
        reader.join(60)


def line_with(lines: "queue.Queue[str]", what: str) -> str:
    """Wait for a line that matches the pattern, and return its group."""
    seen = []
    while line := lines.get(timeout=60):
        seen.append(line)
        if match := re.search(what, line):
            return match[1]
    raise AssertionError("".join(seen))


def test_from_make_run_to_the_first_approved_run_of_ones_own(
    chrome: Chrome, tmp_path: Path
) -> None:
    with make_run(tmp_path / "data", free_port()) as lines:
        address = line_with(lines, r"^Stepwell serves at (\S+)")
        code = line_with(lines, r"^No owner can sign in yet.* with the code (\S+)")
        person = Person(chrome, address)
        person.opens("/")
        person.errors()  # discard those of the previous page
        person.fills("Code", code)
        person.fills("Your name", "Ada")
        person.fills("Password", "correct horse battery")
        person.fills("Repeat the password", "correct horse battery")
        person.presses("Create the owner account")
        person.sees("Greeting")
        person.presses("New workflow")
        person.presses("Expense approval")
        person.waits(lambda: '"Expense approval"' in str(person.field("Definition").text))
        text = str(person.field("Definition").get_attribute("value"))
        person.writes("text", text.replace('"Expense approval"', '"My first workflow"'))
        person.sees("No problems")
        person.presses("Create")
        person.sees("My first workflow")
        person.presses("Publish")
        person.sees("Version 1.0.0 is published.")
        person.presses("Start")
        person.fills("Employee", "Ada")
        person.fills("Amount", "70")
        person.fills("Purpose", "travel")
        person.presses("Start")
        person.sees("Pay 70 EUR to Ada for travel?")
        run = person.driver.current_url
        person.presses("Inbox")
        person.sees("Questions that wait for a person")
        person.presses("Approve")
        person.sees("Nobody is waiting for you")
        person.presses("Runs")
        person.presses(f"My first workflow {run.rpartition('-')[2]}")
        person.sees("completed")
        person.sees('"paid": true')
        assert person.errors() == []
