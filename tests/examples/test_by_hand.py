"""`make examples-serve`: a README followed by hand, and paths that no README covers."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.server import free_port, settled

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


class Serving:
    """`make examples-serve` on a free port, and its output."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        outside = {
            name: text for name, text in os.environ.items() if not name.startswith("STEPWELL_")
        }
        self.process = subprocess.Popen(
            [sys.executable, EXAMPLES / "run.py", "--serve", "--port", str(self.port), "--folder", folder],
            env=outside, cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.shown = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self.key = self.says(r"export STEPWELL_KEY=(\S+)\n")
            self.says("Ctrl-C stops it")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.shown += line
        self.process.stdout.close()

    def stop(self) -> int:
        """Send SIGINT as Ctrl-C does, and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self._reader.join()
        return code

    def says(self, pattern: str) -> str:
        """Wait until the output matches; return the first group."""
        until = time.monotonic() + 60
        while not (found := re.search(pattern, self.shown)):
            assert time.monotonic() < until, self.shown
            time.sleep(0.02)
        return found[found.re.groups]

    def client(self) -> httpx.Client:
        headers = {"x-api-key": self.key, "x-tenant-id": "default"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A second start on the same folder, which finds what the first has loaded."""
    folder = tmp_path_factory.mktemp("by-hand")
    assert Serving(folder).stop() == 0
    serving = Serving(folder)
    try:
        yield serving
    finally:
        assert serving.stop() == 0


@pytest.fixture
def client(serving: Serving) -> Iterator[httpx.Client]:
    with serving.client() as client:
        yield client


def test_a_readme_can_be_followed_block_by_block(serving: Serving, client: httpx.Client) -> None:
    text = (EXAMPLES / "customer-onboarding" / "README.md").read_text()
    shell = subprocess.Popen(
        ["bash", "-u"], cwd=ROOT, env={**os.environ, "STEPWELL_KEY": serving.key},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert shell.stdin is not None
    assert shell.stdout is not None
    answers = []
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        shell.stdin.write(
            block.replace("http://127.0.0.1:8080", serving.address) + "\necho; echo '<end>'\n"
        )
        shell.stdin.flush()
        answers.append("".join(iter(shell.stdout.readline, "<end>\n")).strip())
        while client.get("/api/workflow/runs?status=running").json()["runs"]:
            time.sleep(0.05)  # as a person reads before the next command
    shell.stdin.close()
    assert shell.wait(60) == 0
    shell.stdout.close()
    run_id, documents = answers[0], [json.loads(answer) for answer in answers[1:]]
    assert {document["runId"] for document in documents[:-1]} == {run_id}
    asked, _, approval, _, end, dissolved = documents
    statuses = [document["status"] for document in (asked, approval, end, dissolved)]
    assert statuses == ["paused", "paused", "completed", "completed"]
    assert end["result"] == {"success": True, "greeting": "Welcome, Ada Lovelace!"}
    assert approval["stepExecutionHistory"][1]["attempt"] == 2
    serving.says("Mail to ada@example.com: Welcome, Ada Lovelace!")


CUSTOMER = {"customerName": "Ada", "email": "a@example.com", "companyNumber": "HR-1180"}
PURCHASE = {
    "requester": "eva@example.com",
    "manager": "tom@example.com",
    "director": "sue@example.com",
    "item": "a desk",
    "amount": 300,
}


def start(client: httpx.Client, workflow_id: str, data: dict[str, Any]) -> Any:
    return client.post(f"/api/workflow/start/{workflow_id}", json={"data": data}).json()


def upload(client: httpx.Client, name: str) -> Any:
    content = (EXAMPLES / "invoice-intake" / name).read_bytes()
    files = {"attachment": (name, content, "application/pdf")}
    return client.post("/api/workflow/start/invoice-intake", files=files).json()


def decide(client: httpx.Client, run: Any, value: str) -> Any:
    signal = run["pauseSignal"]
    body = {"type": signal["type"], "actionId": signal["actionId"], "actionValue": value}
    answer = client.post(f"/api/workflow/resume/{run['runId']}", json=body)
    assert answer.status_code == 200, answer.text
    return settled(client, run["runId"])


def hasty(client: httpx.Client, folder: str) -> str:
    """Load a copy whose deadlines are a tenth of a second."""
    document = json.loads((EXAMPLES / folder / "workflow.json").read_text())
    document["id"] = f"hasty-{folder}"
    for step in document["steps"]:
        if "deadline" in step:
            step["deadline"] = "100ms"
    made = client.post("/api/workflows", json=document)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def test_sales_may_reject(client: httpx.Client) -> None:
    run = decide(client, start(client, "customer-onboarding", CUSTOMER), "rejected")
    assert run["result"] == {"success": False, "reason": "the application was rejected"}


def test_an_unregistered_company_is_rejected(client: httpx.Client) -> None:
    run = start(client, "customer-onboarding", {**CUSTOMER, "companyNumber": "no/such one"})
    assert run["result"] == {"success": False, "reason": "the company is unknown"}


def test_a_customer_without_a_decision_is_rejected(client: httpx.Client) -> None:
    run = start(client, hasty(client, "customer-onboarding"), CUSTOMER)
    assert settled(client, run["runId"], "completed")["result"] == {
        "success": False,
        "reason": "nobody decided within three days",
    }


def test_a_person_decides_when_the_register_is_unavailable(
    serving: Serving, client: httpx.Client
) -> None:
    document = json.loads((EXAMPLES / "customer-onboarding" / "workflow.json").read_text())
    document["id"] = "register-away"
    look_up = next(step for step in document["steps"] if step["id"] == "look-up")
    look_up["url"] = f"http://127.0.0.1:{free_port()}/"
    look_up["retry"]["initialInterval"] = "10ms"
    assert client.post("/api/workflows", json=document).status_code == 201
    run = start(client, "register-away", CUSTOMER)
    history = client.get(f"/api/workflow/status/{run['runId']}").json()["stepExecutionHistory"]
    assert (history[1]["status"], history[1]["attempt"]) == ("failed", 5)
    asked = "May Ada of a company that could not be looked up become a customer?"
    assert run["pauseSignal"]["message"] == asked
    assert decide(client, run, "approved")["result"]["success"] is True


def test_a_doubtful_invoice_may_be_accepted(client: httpx.Client) -> None:
    run = decide(client, upload(client, "invoice-wrong.pdf"), "accepted")
    assert run["result"] == {"booked": True, "invoiceNumber": "FC-31", "total": 328}


def test_a_large_invoice_may_be_refused(client: httpx.Client) -> None:
    run = decide(client, upload(client, "invoice-large.pdf"), "rejected")
    assert run["result"] == {"booked": False, "invoiceNumber": "PW-2026-0117"}


def test_a_manager_who_answers_is_not_reminded(serving: Serving, client: httpx.Client) -> None:
    run = decide(client, start(client, "escalation", PURCHASE), "rejected")
    assert run["result"] == {"decision": "rejected", "reminders": 0}
    serving.says("Mail to eva@example.com: Your request was rejected: a desk")


def test_a_request_without_an_answer_fails_with_the_reason(client: httpx.Client) -> None:
    run_id = start(client, hasty(client, "escalation"), PURCHASE)["runId"]
    error = settled(client, run_id, "failed")["error"]
    assert (error["type"], error["message"]) == ("EndedAsFailed", "nobody decided about a desk")


def test_an_owner_that_the_press_does_not_mention_is_not_reported(client: httpx.Client) -> None:
    asked = {"company": "Nobody Knows Ltd", "reportTo": "x@example.com"}
    run = start(client, "research-company", asked)
    assert run["result"] == {"owner": "unknown", "listed": False, "reported": False}


def test_the_stand_in_reports_a_missing_answer(client: httpx.Client) -> None:
    flow = {
        "name": "Poem",
        "initialStep": "ask",
        "steps": [
            {"id": "ask", "type": "call-llm", "prompt": "Write a poem."},
            {"id": "end", "type": "end-flow"},
        ],
        "edges": [{"from": "ask", "to": "end"}],
    }
    assert client.post("/api/workflows", json=flow).status_code == 201
    error = start(client, "poem", {})["error"]
    assert error["type"] == "ModelRejected"
    assert "questions of the examples only" in error["message"]
