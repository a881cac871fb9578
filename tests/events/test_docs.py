"""docs/events.md is correct: every event with an example, every command, the signature check."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.events.catalogue import KINDS
from app.events.document import readable
from engine import (
    AttemptFailed,
    AttemptInterrupted,
    CancelRequested,
    ChildrenAwaited,
    ChildrenLeft,
    ChildrenResumed,
    DataChanged,
    Ending,
    Event,
    HandlerEntered,
    Json,
    ParentWentOn,
    Pause,
    PauseChanged,
    Place,
    RunAdmitted,
    RunCancelled,
    RunCompleted,
    RunError,
    RunFailed,
    RunHeld,
    RunOverdue,
    RunPaused,
    RunQueued,
    RunReleased,
    RunResumed,
    RunStarted,
    RunTerminated,
    StepCancelled,
    StepCompleted,
    StepError,
    StepFailed,
    StepGivenUp,
    StepRecorded,
    StepSkipped,
    StepSlept,
    StepStarted,
    StepTimedOut,
    WaitEnded,
)
from journal import EventRow
from journal.histories.event_pages import KeptRow
from tests.harness.receiver import Receiver
from tests.harness.server import Server

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
AT = 1_769_860_800_000
RUN = f"dynamic-workflow-{AT}"
ASKS = Pause(
    "request_user_action", {"stepId": "approve", "actionId": "approve", "message": "Pay it?"}
)
UNPAID = RunError("pay", "HttpStatus", "the answer was 500", 3)
CALL: Json = {"model": "gpt", "latencyMs": 812, "usage": {"inputTokens": 510, "outputTokens": 42}}
SAMPLES: tuple[Event, ...] = (
    RunStarted(AT, RUN, "invoices", "1.0.3", "read", {"invoice": 17}),
    RunQueued(AT, Place("ACME", 2)),
    RunAdmitted(AT),
    RunPaused(AT, "approve", 1, ASKS, AT + 86_400_000),
    PauseChanged(AT, "approve", 1, "delegated", {"assignees": ["ada"]}, "user:bob", "on leave"),
    RunResumed(AT, "approve", 1, {"actionId": "approve", "actionValue": "approved"}, "user:ada"),
    RunCompleted(AT, {"paid": True}),
    RunFailed(AT, UNPAID),
    CancelRequested(AT, "sent twice", "user:ada"),
    RunOverdue(AT),
    HandlerEntered(AT, "finally", "release", Ending("failed", None, UNPAID)),
    RunCancelled(AT),
    RunTerminated(AT, "stuck", "key:backend"),
    StepStarted(AT, "pay", 1, 1, "call-api", "Pay the invoice"),
    StepCompleted(AT, "pay", 1, {"status": 200}, {}, "end"),
    StepFailed(AT, "pay", 1, StepError("HttpStatus", "the answer was 500"), "tell"),
    StepTimedOut(AT, "approve", 1, "remind"),
    StepCancelled(AT, "pay", 1, None),
    AttemptFailed(AT, "pay", 1, 1, StepError("HttpStatus", "the answer was 503"), AT + 1_000),
    AttemptInterrupted(AT, "pay", 1, 1),
    StepRecorded(AT, "read", 1, "turn-1", CALL),
    StepSlept(AT, "wait", 1, AT + 60_000),
    ChildrenAwaited(AT, "each", 1, 12),
    ChildrenResumed(AT, "each", 1),
    ChildrenLeft(AT, "each", 1, AT + 10_000, StepError("HttpStatus", "child run failed")),
    ParentWentOn(AT),
    WaitEnded(AT, "pay", 1, "the bank is up again", "user:ada"),
    StepGivenUp(AT, "pay", 1, "paid by hand", "user:ada"),
    StepSkipped(AT, "pay", 1, "paid by hand", "user:ada"),
    DataChanged(AT, {"invoice": 18}, [], "wrong number", "user:ada"),
    RunHeld(AT, "the bank is down", "user:ada"),
    RunReleased(AT, None, "user:ada"),
)
HEAD = ("type", "time", "runId", "workflowId", "seq", "position")


def section() -> str:
    """Return the table of events with an example of each, as the page must show it."""
    reported = {type(event): readable(row_of(event), event) for event in SAMPLES}
    assert all(event.data["runId"] == RUN and event.data["seq"] == 5 for event in reported.values())
    lines = ["| event | when | besides, it has |", "| --- | --- | --- |"]
    for kind, known in KINDS.items():
        fields = [name for name in reported[kind].data if name not in HEAD]
        shown = ", ".join(f"`{name}`" for name in fields) or "nothing"
        lines.append(f"| `{known.name}` | {known.means} | {shown} |")
    lines += ["", "An example of each:", "", "```json"]
    return "\n".join([*lines, *(reported[kind].text for kind in KINDS), "```"])


def row_of(event: Event) -> EventRow:
    kind = type(event).__name__
    kept = KeptRow(184, kind, 1, "", b"")
    return EventRow(184, AT, 5, kind, AT, "invoices", "1.0.3", None, kept)


def test_the_page_shows_every_event() -> None:
    expected = section()
    assert expected in PAGE.read_text(encoding="utf-8"), expected


@pytest.fixture(scope="module")
def documented() -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for language, text in re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        found.setdefault(language, []).append(text)
    return found


def test_the_signature_check_of_the_page_accepts_only_stepwell(
    shared: Server, documented: Mapping[str, list[str]]
) -> None:
    names: dict[str, Any] = {}
    exec(documented["python"][0], names)
    check = names["is_from_stepwell"]
    answers = []
    with Receiver() as receiver, shared.client() as client:

        def checked(headers: Any, body: bytes) -> bool:
            answers.append(
                [
                    check(receiver.secret, headers, body),
                    check(receiver.secret, headers, body + b" "),
                    check("whsec_" + "A" * 44, headers, body),
                    check(receiver.secret, {**headers, "webhook-timestamp": "1769860800"}, body),
                ]
            )
            return True

        receiver.is_signed = checked  # type: ignore[method-assign] # the page's own check
        body = {"url": receiver.address, "events": ["*"], "secret": receiver.secret}
        webhook = client.post("/api/webhooks", json=body).json()
        assert client.post(f"/api/webhooks/{webhook['id']}/test").json()["success"]
    assert answers == [[True, False, False, False]]


def test_the_commands_of_the_page_work(shared: Server, documented: Mapping[str, list[str]]) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "STEPWELL_KEY": shared.key("viewer", "default"),
        "STEPWELL_ADMIN_KEY": shared.key("admin", "default"),
    }
    stream, create = (
        text.replace("http://127.0.0.1:8080", shared.address) for text in documented["sh"]
    )
    made = subprocess.run(["sh", "-c", create], env=environment, capture_output=True, check=True)
    assert b'"secret":"whsec_' in made.stdout
    watching = subprocess.run(
        ["sh", "-c", stream.replace("curl", "curl --max-time 1")],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert watching.stdout.startswith(b"retry: 2000")
