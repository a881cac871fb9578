"""Executes an example's README, shows it, and checks that the results are as written."""

import json
import re
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from readme import VERBATIM, Move, difference, moves_of

PLACE = "http://127.0.0.1:8080"
"""The address of the server in READMEs."""

_ROOT = Path(__file__).resolve().parent.parent
_SHOWN_LINES = 40


class NotAsWritten(Exception):
    """A command's result differs from the README."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the commands need, and how exactly results are compared.

    Attributes:
        mails: Grows as mail arrives; None if mail goes to a real server.
        exact: Whether the model's answers are known; if not, only each `status` and the recipients
            of mail are compared.
    """

    address: str
    key: str
    mails: Sequence[EmailMessage] | None
    exact: bool
    patience_s: float


def walk(file: Path, place: Place) -> None:
    """Execute a README. Raises `NotAsWritten`."""
    with tempfile.TemporaryDirectory(prefix="stepwell-walk-") as folder:
        shell = _Shell(Path(folder) / "exported", place)
        seen = len(place.mails or ())
        for move in moves_of(file):
            _tell(move.words)
            _do(move, shell, place)
            for headers in move.mails:
                _await_mail(headers, seen, place)


class _Shell:
    """Runs commands one after another; exported variables are kept."""

    def __init__(self, exported: Path, place: Place) -> None:
        exported.write_text(f"export STEPWELL_KEY={place.key}\n", encoding="utf-8")
        self._exported = exported

    def run(self, command: str) -> str:
        """Return the command's output. Raises `NotAsWritten` if it fails."""
        script = f'. "$0"\n{command}\nexport -p > "$0"'
        shell = ["bash", "-euo", "pipefail", "-c", script, str(self._exported)]
        done = subprocess.run(shell, cwd=_ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotAsWritten(f"exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout.strip()


def _do(move: Move, shell: _Shell, place: Place) -> None:
    command = move.command.replace(PLACE, place.address)
    print(f"$ {command}")
    expected = move.answer if place.exact else _statuses(move.answer)
    until = time.monotonic() + place.patience_s
    while True:
        said = shell.run(command)
        answer = _parsed(said)
        lacks = None if expected is None else difference(answer, expected)
        if lacks is None:
            break
        if not move.only_reads or _is_over(answer) or time.monotonic() > until:
            _show(said, answer, None)
            raise NotAsWritten(lacks)
        time.sleep(0.1)
    _show(said, answer, move.answer)
    if isinstance(answer, dict) and "requestId" in answer:
        raise NotAsWritten("it was refused")


def _await_mail(headers: Mapping[str, str], seen: int, place: Place) -> None:
    if place.mails is None:
        print(f"(mail to {headers['To']} went to the mail server of the settings)\n")
        return
    wanted = dict(headers) if place.exact else {"To": headers["To"]}
    until = time.monotonic() + place.patience_s
    while time.monotonic() < until:
        for mail in place.mails[seen:]:
            if all(_header(mail, name) == text for name, text in wanted.items()):
                told = "\n".join(f"{name}: {_header(mail, name)}" for name in headers)
                print(f"A mail came:\n\n{textwrap.indent(told, '    ')}\n")
                return
        time.sleep(0.1)
    raise NotAsWritten(f"no mail came with {json.dumps(wanted)}")


def _header(mail: EmailMessage, name: str) -> str:
    if name == "Attachment":
        return ", ".join(part.get_filename() or "" for part in mail.iter_attachments())
    return str(mail[name])


def _statuses(expected: Any) -> Any:
    """Return the part of an expected answer that does not depend on a model: the run's status."""
    if isinstance(expected, dict) and "status" in expected:
        return {"status": expected["status"]}
    return None


def _is_over(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("status") not in (None, "running", "paused")


def _parsed(said: str) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        return said


def _tell(words: str) -> None:
    for paragraph in re.split(r"\n{2,}", words):
        if paragraph.startswith(("#", "|", VERBATIM)):
            print(f"{paragraph}\n")
        elif paragraph and not paragraph.startswith(">"):  # quotes are for those who type
            print(f"{textwrap.fill(' '.join(paragraph.split()), 96)}\n")


def _show(said: str, answer: Any, expected: Any) -> None:
    """Print an answer; a long one is shortened to the keys that its README mentions."""
    text = said if answer == said else json.dumps(answer, indent=2, ensure_ascii=False)
    length = text.count("\n") + 1
    if length > _SHOWN_LINES and isinstance(answer, dict):
        named = ("runId", "status", "currentStepId", *(expected or {}))
        shown = {name: answer[name] for name in answer if name in named}
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        text += f"\n(shortened; the whole answer has {length} lines)"
    print(f"{text}\n")
