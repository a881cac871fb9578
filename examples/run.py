"""Run every example from its README, against stand-in servers or real ones.

Starts Stepwell on a temporary folder, with a stand-in model, mail server and registry.
EXAMPLES_MODEL_URL, EXAMPLES_MODEL_KEY and EXAMPLES_MODEL_NAME name a real model instead;
STEPWELL_SMTP_... a real mail server.
"""

import argparse
import json
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from email.message import EmailMessage
from pathlib import Path

from installation import EXAMPLES, FOLDERS, Installation
from stand_ins.mail import MailServer
from stand_ins.model import ModelServer
from stand_ins.registry import Registry
from walk import NotAsWritten, Place, walk

_MODEL_NAME = "gpt-4.1-mini"
_FOLDERS = [folder.name for folder in FOLDERS]


@contextmanager
def installed(folder: Path, port: int, *, serve: bool) -> Iterator[Place]:
    """Run a server with all examples, and the services that they use."""
    token = secrets.token_hex(16)
    settings = {
        "STEPWELL_ALLOWED_NETWORKS": "127.0.0.0/8",
        "STEPWELL_LOG_LEVEL": "warning",
        "STEPWELL_PLUGINS": str(EXAMPLES / "research-agent" / "tools.py"),
    }
    model = {"provider": "openai", "model": os.environ.get("EXAMPLES_MODEL_NAME", _MODEL_NAME)}
    url = os.environ.get("EXAMPLES_MODEL_URL")
    with ExitStack() as stack:
        registry = stack.enter_context(Registry(token))
        if url is None:
            model["baseUrl"] = stack.enter_context(ModelServer(token)).address
            settings["EXAMPLES_MODEL_KEY"] = token
        else:
            model["baseUrl"] = url
        if url is None or "EXAMPLES_MODEL_KEY" in os.environ:
            model["keyEnv"] = "EXAMPLES_MODEL_KEY"
        settings["STEPWELL_MODELS"] = json.dumps({"examples": model})
        mails: Sequence[EmailMessage] | None = None
        if "STEPWELL_SMTP_HOST" in os.environ:
            given = {k: v for k, v in os.environ.items() if k.startswith("STEPWELL_SMTP_")}
            settings |= given
        else:
            arrived = _announce if serve else _keep_quiet
            mail = stack.enter_context(MailServer(folder / "mails", arrived))
            mails = mail.kept
            settings |= {
                "STEPWELL_SMTP_HOST": "127.0.0.1",
                "STEPWELL_SMTP_PORT": str(mail.port),
                "STEPWELL_SMTP_SECURITY": "none",
                "STEPWELL_SMTP_FROM": "Stepwell <stepwell@example.com>",
            }
        server = stack.enter_context(Installation(folder, port, settings))
        server.load({"REGISTRY_URL": registry.address, "REGISTRY_TOKEN": token})
        yield Place(server.address, server.key, mails, url is None, 180 if url else 30)


def walk_all(names: Sequence[str], place: Place) -> int:
    """Run examples one after another; return 1 if one deviated from its README."""
    failed = []
    for name in names:
        print(f"\n{'=' * 96}\n")
        try:
            walk(EXAMPLES / name / "README.md", place)
        except NotAsWritten as wrong:
            failed.append(name)
            print(f"NOT AS WRITTEN in examples/{name}/README.md: {wrong}")
    went_well = len(names) - len(failed)
    print(f"{went_well} of {len(names)} examples went as their READMEs say.")
    if failed:
        print(f"These did not: {', '.join(failed)}.")
    return 1 if failed else 0


def keep_serving(place: Place) -> int:
    """Serve until stopped, and print how to follow a README by hand."""
    print("\nIn a second terminal, in the checkout, give the key to the commands of the READMEs:\n")
    print(f"export STEPWELL_KEY={place.key}\n")
    print(f"Stepwell serves at {place.address}; mail is shown here. Ctrl-C stops it.", flush=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    return 0


def _announce(mail: EmailMessage) -> None:
    body = mail.get_body(("plain", "html"))
    text = body.get_content() if body else ""
    print(f"\nMail to {mail['To']}: {mail['Subject']}\n\n{text}", flush=True)


def _keep_quiet(_: EmailMessage) -> None:
    """Do nothing: the walk shows mail where the README expects it."""


def main() -> int:
    """Return the exit code: 0 if every run went as written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", nargs="*", metavar="NAME", help="which ones; all without it")
    parser.add_argument("--serve", action="store_true", help="walk none; serve until stopped")
    parser.add_argument("--port", type=int, default=0, help="Stepwell's port; any free one")
    parser.add_argument("--folder", type=Path, help="keep data, log and mails here")
    options = parser.parse_args()
    if unknown := set(options.examples) - set(_FOLDERS):
        parser.error(f"no example is called {min(unknown)}; there are {', '.join(_FOLDERS)}")
    with ExitStack() as stack:
        folder = options.folder or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="stepwell-examples-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        place = stack.enter_context(installed(folder.resolve(), options.port, serve=options.serve))
        if options.serve:
            return keep_serving(place)
        return walk_all(options.examples or _FOLDERS, place)


if __name__ == "__main__":
    sys.exit(main())
