"""The examples as `make examples` runs them, and their results: runs, mail and READMEs."""

import json
import os
import re
import subprocess
import sys
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PLUGIN
from tests.harness.mail import MailServer
from tests.harness.model_server import ModelServer, Reply
from tests.harness.server import Server

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
READMES = [
    file
    for file in sorted(EXAMPLES.glob("*/README.md"))
    if not (file.parent / "pyproject.toml").exists()
]


def run_examples(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    outside = {name: text for name, text in os.environ.items() if not name.startswith("STEPWELL_")}
    command = [sys.executable, EXAMPLES / "run.py", *arguments]
    return subprocess.run(
        [str(part) for part in command], env={**outside, **environment},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run every example once, and return the folder with the results."""
    folder = tmp_path_factory.mktemp("examples")
    shown = run_examples("--folder", folder)
    (folder / "shown.txt").write_text(shown.stdout)
    assert shown.returncode == 0, shown.stdout[-4_000:] + shown.stderr
    assert "7 of 7 examples went as their READMEs say." in shown.stdout
    return folder


def test_every_run_has_ended_as_expected(folder: Path) -> None:
    with Server(folder / "data", PLUGIN) as server, server.client("viewer", "default") as client:
        page = client.get("/api/workflow/runs?limit=500").json()["runs"]
        ends: dict[str, list[Any]] = {}
        for run in sorted(page, key=lambda run: int(run["runId"].rpartition("-")[2])):
            document = client.get(f"/api/workflow/status/{run['runId']}").json()
            ends.setdefault(run["workflowId"], []).append((run["status"], document["result"]))
    classified = ends.pop("classify-document")
    kinds = [(status, result and result["category"]) for status, result in classified]
    assert sorted(kinds, key=str) == [
        ("completed", "application"), ("completed", "complaint"), ("completed", "complaint"),
        ("completed", "invoice"), ("completed", "other"), ("failed", None),
    ]  # fmt: skip
    assert ends == {
        "customer-onboarding": [
            ("completed", {"success": True, "greeting": "Welcome, Ada Lovelace!"}),
            ("completed", {"success": False, "reason": "the company is dissolved"}),
        ],
        "invoice-intake": [
            ("completed", {"booked": True, "invoiceNumber": "PW-2026-0117", "total": 1904}),
            ("completed", {"booked": True, "invoiceNumber": "G-884", "total": 142.8}),
            ("completed", {"booked": False, "invoiceNumber": "FC-31"}),
        ],
        "document-batch": [
            ("completed", {"summary": {
                "invoices": 1, "complaints": 2, "applications": 1, "others": 1,
                "urgent": ["letter-2"], "notRead": [3],
            }}),
        ],
        "research-company": [
            ("completed", {"owner": "Viktor Malden", "listed": True, "reported": True}),
            ("completed", {"owner": "Ida Lindqvist", "listed": False, "reported": False}),
        ],
        "check-sanctions": [("completed", {"listed": True}), ("completed", {"listed": False})],
        "escalation": [("completed", {"decision": "approved", "reminders": 2})],
        "expense-report": [
            ("completed", {"paid": True, "amount": 12.5}),
            ("completed", {"paid": True, "amount": 80}),
        ],
        "reminder": [("completed", {"reminded": "the meeting"})],
    }  # fmt: skip


def test_exactly_the_mails_of_the_readmes_were_sent(folder: Path) -> None:
    mails = [
        message_from_bytes(file.read_bytes(), policy=policy.default)
        for file in sorted((folder / "mails").iterdir())
    ]
    assert sorted((mail["To"], mail["Subject"]) for mail in mails) == [
        ("accounting@example.com", "Invoice PW-2026-0117: pay 1904 EUR"),
        ("ada@example.com", "Welcome, Ada Lovelace!"),
        ("compliance@example.com", "Who owns Norvik Metals"),
        ("eva@example.com", "Your request was approved: a 3D printer"),
        ("garden@example.com", "Invoice G-884: pay 142.8 EUR"),
        ("office@example.com", "5 documents sorted, 1 not read"),
        ("sue@example.com", "Please decide: a 3D printer"),
        ("tom@example.com", "Reminder 1: a 3D printer"),
        ("tom@example.com", "Reminder 2: a 3D printer"),
    ]
    large = next(mail for mail in mails if mail["To"] == "accounting@example.com")
    assert isinstance(large, EmailMessage)
    (attached,) = large.iter_attachments()
    pdf = EXAMPLES / "invoice-intake" / "invoice-large.pdf"
    assert attached.get_payload(decode=True) == pdf.read_bytes()


def test_no_key_or_token_is_in_the_output(folder: Path) -> None:
    shown = (folder / "shown.txt").read_text()
    assert "$STEPWELL_KEY" in shown
    assert not re.search(r"sk_|Bearer", shown)


def test_a_real_model_and_mail_server_replace_the_stand_ins(tmp_path: Path) -> None:
    answer = {"category": "other", "urgent": False, "summary": "A letter."}
    with ModelServer(Reply(json.dumps(answer))) as model, MailServer(tmp_path) as mail:
        shown = run_examples(
            "document-batch",
            EXAMPLES_MODEL_URL=model.openai,
            EXAMPLES_MODEL_KEY="a-real-key",
            EXAMPLES_MODEL_NAME="the-model",
            STEPWELL_SMTP_HOST="127.0.0.1",
            STEPWELL_SMTP_PORT=str(mail.port),
            STEPWELL_SMTP_SECURITY="none",
            STEPWELL_SMTP_FROM="me@example.com",
        )
        assert shown.returncode == 0, shown.stdout + shown.stderr
        # Any answer of the model is used; the stand-in would have found two complaints.
        assert '"others": 5' in shown.stdout
        assert len(model.requests) == 5
        keys = {request.headers["authorization"] for request in model.requests}
        assert keys == {"Bearer a-real-key"}
        assert {request.body["model"] for request in model.requests} == {"the-model"}
        schema = model.requests[0].body["response_format"]["json_schema"]["schema"]
        assert schema["properties"]["category"]["enum"][0] == "invoice"
        senders = [(envelope.mail_from, envelope.rcpt_tos) for envelope in mail.received]
        assert senders == [("me@example.com", ["office@example.com"])]


def test_an_unexpected_end_is_reported_and_fails_the_command() -> None:
    with ModelServer(Reply("no such key", status=401)) as model:
        wrong = {"EXAMPLES_MODEL_URL": model.openai, "EXAMPLES_MODEL_KEY": "expired"}
        shown = run_examples("invoice-intake", "reminder", **wrong)
        assert model.requests
    assert shown.returncode == 1
    reported = (
        'NOT AS WRITTEN in examples/invoice-intake/README.md: status is "failed", not "paused"'
    )
    assert reported in shown.stdout
    assert "1 of 2 examples went as their READMEs say." in shown.stdout


def test_an_unknown_example_is_refused_with_the_names() -> None:
    shown = run_examples("remainder")
    assert shown.returncode == 2
    assert "no example is called remainder; there are customer-onboarding," in shown.stderr


def test_make_runs_the_same_runner() -> None:
    shown = subprocess.run(
        ["make", "-n", "--no-print-directory", "examples", "examples-serve"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()  # fmt: skip
    assert shown[-2:] == [
        ".venv/bin/python examples/run.py",
        ".venv/bin/python examples/run.py --serve --port 8080",
    ]


def values_in(document: Any) -> list[Any]:
    inner = document.values() if isinstance(document, dict) else document
    nested = inner if isinstance(document, dict | list) else []
    return [document, *(value for item in nested for value in values_in(item))]


@pytest.mark.parametrize("readme", READMES, ids=lambda file: file.parent.name)
def test_quotes_and_links_of_the_readmes_are_valid(readme: Path) -> None:
    text = readme.read_text()
    for name, excerpt in re.findall(r"```json (\S+)\n(.*?)```", text, re.DOTALL):
        document = json.loads((readme.parent / name).read_text())
        assert json.loads(excerpt) in values_in(document), excerpt
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (readme.parent / target).exists(), target
    steps = set(re.findall(r"^\| (`[^|]+) \| [a-z-]+-[a-z-]+", text, re.MULTILINE))
    known = {
        step["id"]
        for file in readme.parent.glob("*workflow.json")
        for step in json.loads(file.read_text())["steps"]
    }
    assert {name for cell in steps for name in re.findall(r"`([^`]+)`", cell)} <= known


def test_the_commands_of_the_index_work(server: Server) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (EXAMPLES / "README.md").read_text(), re.DOTALL)
    curls = [block for block in blocks if block.startswith("curl")]
    assert [block.split()[0] for block in blocks] == [
        "make", ".venv/bin/python", "make", "curl", "curl",
    ]  # fmt: skip
    script = "\n".join(curls).replace("http://127.0.0.1:8080", server.address)
    key = server.key("admin", "default")
    shown = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("curl -s", "curl -sf")],
        cwd=ROOT, env={**os.environ, "STEPWELL_KEY": key}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    with server.client("admin", "default") as client:
        assert client.get("/api/workflows/customer-onboarding").status_code == 200
        assert "REGISTRY_TOKEN" in client.get("/api/secrets").text
