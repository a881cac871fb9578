"""Runs of the patterns, advanced together as the `expect` files beside their documents describe.

Such a file is a list of runs, each with some of these keys:

    killed: {in: step, at: POST /path}   where the kill -9 happens; at: in the middle of this request
    data, key, times                     its start request, and how often it is sent
    startedBy, signals                   the signal that starts it; signals sent before
    request                              the request to its trigger that starts it
    form                                 the values entered on the form page of its trigger
    mcp                                  the arguments with which an MCP client calls it as a tool
    startedByTrigger                     started by a schedule or by the end of another run
    afterEarlier                         started once the runs before it have ended
    does: {step: [...]}                  actions, in order, when it waits in a step:
                                         answer (by whom), fill (refused with), signals, cancel, waits
    status, result, error, answered      its end, and the answer to a repeated request
    requests, bodies, files, mail        its external effects
"""

import hmac
import io
import json
import re
import sqlite3
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.definitions.definition_text import read_definition
from tests.examples.services import SECRET, Services

PATTERNS = Path(__file__).parents[2] / "examples" / "patterns"
FILES = [
    file
    for file in sorted(PATTERNS.iterdir())
    if file.suffix in (".json", ".yaml") and "." not in file.stem
]

_OPEN = """
WITH RECURSIVE family (number, root) AS (
    SELECT id, id FROM runs WHERE parent IS NULL
    UNION ALL SELECT runs.id, root FROM runs JOIN family ON runs.parent = family.number
)
SELECT root, id, state, step_id, seq, ended_at_ms IS NOT NULL, workflow_id
FROM runs JOIN family ON number = id ORDER BY id
"""


def read(file: Path) -> Any:
    """Return the value in a file of the patterns."""
    return read_definition(file.read_text()).document


@dataclass
class Wanted:
    """A run of a pattern as its `expect` file describes it, and its state so far."""

    pattern: str
    number: int
    expect: Mapping[str, Any]
    run: int | None = None
    done: Counter[str] = field(default_factory=Counter)
    seen: set[tuple[int, int]] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"{self.pattern}-{self.number}"

    @property
    def run_id(self) -> str:
        return f"dynamic-workflow-{self.run}"


def wanted_runs() -> list[Wanted]:
    """Return all runs of all `expect` files, in order."""
    return [
        Wanted(file.stem, number, expect)
        for file in FILES
        for number, expect in enumerate(read(file.with_name(f"{file.stem}.expect.yaml")))
    ]


@dataclass(frozen=True)
class Position:
    """The state of a run and of its child runs."""

    run: int
    state: str
    step: str | None
    seq: int
    is_over: bool

    @property
    def is_busy(self) -> bool:
        """Return whether the run advances without any action from outside."""
        return not self.is_over and self.state in ("new", "ready", "executing", "stopping")


def _called_as_tool(client: httpx.Client, one: Wanted) -> str:
    """Call a workflow as an MCP client does; return the id of its run."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": one.pattern, "arguments": one.expect["mcp"]}}  # fmt: skip
    asks = {"accept": "application/json, text/event-stream"}
    answer = client.post("/mcp", json=call, headers=asks).json()["result"]
    assert not answer["isError"], answer
    return str(answer["structuredContent"]["runId"])


class Patterns:
    """The runs of all patterns on one server."""

    def __init__(
        self,
        wanted: list[Wanted],
        journal: Path,
        services: Services,
        mails: Callable[[], list[Any]],
    ) -> None:
        self.wanted = wanted
        self._journal = journal
        self._services = services
        self._mails = mails
        self._families: dict[int, list[Position]] = {}
        self._triggered: dict[str, int] = {}

    def begin(self, client: httpx.Client) -> None:
        """Start every run that does not wait for others."""
        for one in self.wanted:
            for signal in one.expect.get("signals", ()):
                client.post("/api/signals", json=signal).raise_for_status()
            if not one.expect.get("afterEarlier") and not one.expect.get("startedByTrigger"):
                self._start(client, one)

    def until_killable(self, clients: Mapping[str, httpx.Client]) -> None:
        """Advance all runs until each is where the kill is to happen."""
        end = time.monotonic() + 30
        while away := [one for one in self.wanted if not self._is_there(one)]:
            assert time.monotonic() < end, self._told(clients, away)
            self._look()
            for one in self.wanted:
                if not self._is_there(one):
                    self._act(clients, one)
            time.sleep(0.02)

    def until_over(
        self, clients: Mapping[str, httpx.Client], pass_time: Callable[[], object]
    ) -> None:
        """Advance all runs to their end; move the clock when nothing else can happen."""
        end = time.monotonic() + 30
        while True:
            self._look()
            away = [one for one in self.wanted if not self._is_over(one)]
            going = [it for family in self._families.values() for it in family if not it.is_over]
            if not away and not going:
                return
            assert time.monotonic() < end, self._told(clients, away)
            did = [self._go_on(clients, one) for one in away]
            if not any(did) and not any(it.is_busy for it in going):
                pass_time()
            time.sleep(0.02)

    def _told(self, clients: Mapping[str, httpx.Client], away: list[Wanted]) -> str:
        shown = [
            clients[""].get(f"/api/workflow/status/{one.run_id}").json().get("stepExecutionHistory")
            for one in away
        ]
        return "\n".join(
            f"{one.name}: {self._of(one)} {history}"
            for one, history in zip(away, shown, strict=True)
        )

    def _go_on(self, clients: Mapping[str, httpx.Client], one: Wanted) -> bool:
        if one.run is None and one.expect.get("startedByTrigger"):
            one.run = self._triggered.get(one.pattern)
            return one.run is not None
        if one.run is None:
            earlier = [it for it in self.wanted if it.pattern == one.pattern][: one.number]
            if not all(self._is_over(it) for it in earlier):
                return False
            self._start(clients[""], one)
            return True
        return self._act(clients, one)

    def _start(self, client: httpx.Client, one: Wanted) -> None:
        if signal := one.expect.get("startedBy"):
            start = {"workflowId": one.pattern, "data": one.expect.get("data", {})}
            answer = client.post("/api/signals", json={**signal, "start": start})
            run_ids = {answer.json()["startedRunId"]}
        elif "request" in one.expect:
            sent = [self._sent(client, one) for _ in range(one.expect.get("times", 1))]
            assert {answer.status_code for answer in sent} == {202}, (one.name, sent[0].text)
            run_ids = {answer.json()["runId"] for answer in sent}
        elif "form" in one.expect:
            run_ids = self._filled_in(client, one)
        elif "mcp" in one.expect:
            run_ids = {_called_as_tool(client, one)}
        else:
            headers = {"idempotency-key": one.expect["key"]} if "key" in one.expect else {}
            body = {"data": one.expect.get("data", {})}
            address = f"/api/workflow/start-async/{one.pattern}"
            answers = [
                client.post(address, json=body, headers=headers)
                for _ in range(one.expect.get("times", 1))
            ]
            assert {answer.status_code for answer in answers} == {200}, (one.name, answers[0].text)
            run_ids = {answer.json()["runId"] for answer in answers}
        (run_id,) = run_ids
        one.run = int(run_id.rpartition("-")[2])

    def _sent(self, client: httpx.Client, one: Wanted) -> httpx.Response:
        """Send a run's request to the address of its trigger, with its secret."""
        body = json.dumps(one.expect["request"]).encode()
        headers = {
            "content-type": "application/json",
            "x-request-id": one.name,
            "x-api-token": SECRET,
            "x-shop-signature": f"sha256={hmac.digest(SECRET.encode(), body, 'sha256').hex()}",
        }
        url = client.get(f"/api/triggers/{one.pattern}").json()["url"]
        return httpx.post(url, content=body, headers=headers, timeout=30)

    def _filled_in(self, client: httpx.Client, one: Wanted) -> set[str]:
        """Fill in the form of a run as a person who has only its link."""
        url = client.get(f"/api/triggers/{one.pattern}").json()["url"]
        (once,) = re.findall(r'name="once" value="([^"]+)"', httpx.get(url, timeout=30).text)
        filled = {f"data.{name}": value for name, value in one.expect["form"].items()}
        for _ in range(one.expect.get("times", 1)):
            httpx.post(url, data={**filled, "once": once}, timeout=30).raise_for_status()
        fired = client.get(f"/api/triggers/{one.pattern}/firings").json()["firings"]
        return {firing["runId"] for firing in fired if firing["runId"]}

    def _look(self) -> None:
        with closing(sqlite3.connect(self._journal, timeout=30)) as journal:
            rows = journal.execute(_OPEN).fetchall()
        self._families = {}
        for root, *position, workflow_id in rows:
            self._families.setdefault(root, []).append(Position(*position))
            self._triggered.setdefault(workflow_id, root)

    def _of(self, one: Wanted) -> list[Position]:
        return self._families.get(one.run or 0, [])

    def _is_over(self, one: Wanted) -> bool:
        return any(position.run == one.run and position.is_over for position in self._of(one))

    def _is_there(self, one: Wanted) -> bool:
        killed = one.expect.get("killed")
        if killed is None:
            return True
        if "at" in killed:
            return killed["at"] in self._services.holding
        return any(
            position.step == killed["in"] and not position.is_busy and not position.is_over
            for position in self._of(one)
        )

    def _act(self, clients: Mapping[str, httpx.Client], one: Wanted) -> bool:
        """Perform the next action for the waiting run; return whether there was one."""
        for position in self._of(one):
            does = one.expect.get("does", {}).get(position.step, ())
            done = one.done[position.step or ""]
            moment = (position.run, position.seq)
            waits = position.state in ("paused", "sleeping")
            if position.is_over or not waits or moment in one.seen or done == len(does):
                continue
            one.seen.add(moment)
            one.done[position.step or ""] += 1
            self._do(clients, one, f"dynamic-workflow-{position.run}", does[done])
            if "refused" in does[done]:
                one.seen.remove(moment)
            return True
        return False

    def _do(
        self, clients: Mapping[str, httpx.Client], one: Wanted, run_id: str, act: Mapping[str, Any]
    ) -> None:
        client = clients[act.get("by", "")]
        for signal in act.get("signals", ()):
            client.post("/api/signals", json=signal).raise_for_status()
        if "cancel" in act:
            body = {"runId": run_id, "reason": act["cancel"]}
            client.post("/api/workflow/management/cancel", json=body).raise_for_status()
        if "fill" in act:
            body = {"type": "collect_inputs", "data": act["fill"]}
            self._resume(client, run_id, body, act.get("refused", 200))
        if "answer" in act:
            status = client.get(f"/api/workflow/status/{run_id}").json()
            pause = status["pauseSignal"]
            body = {"type": "request_user_action", "actionId": pause["actionId"],
                    "actionValue": act["answer"]}  # fmt: skip
            self._resume(client, run_id, body, 200)

    def _resume(self, client: httpx.Client, run_id: str, body: Any, status: int) -> None:
        answer = client.post(f"/api/workflow/resume/{run_id}", json=body)
        assert answer.status_code == status, answer.text

    def differences(self, client: httpx.Client, one: Wanted) -> Iterator[str]:
        """Return the deviations from the `expect` file."""
        ended = client.get(f"/api/workflow/status/{one.run_id}").json()
        if ended["status"] != one.expect["status"]:
            yield f"status: {ended['status']} {ended['error']}"
        result = ended["result"] or {}
        for name, value in one.expect.get("result", {}).items():
            if result.get(name) != value:
                yield f"result.{name}: {result.get(name)!r}"
        for name, value in one.expect.get("error", {}).items():
            if (ended["error"] or {}).get(name) != value:
                yield f"error.{name}: {ended['error']}"
        yield from self._left_behind(client, one, result)

    def _left_behind(
        self, client: httpx.Client, one: Wanted, result: Mapping[str, Any]
    ) -> Iterator[str]:
        """Return the deviations of external effects from the `expect` file."""
        if "answered" in one.expect:
            again = self._sent(client, one)
            reported = {
                "status": again.status_code,
                "run": again.headers.get("x-run"),
                **again.json(),
            }
            if reported != {"status": 200, "run": one.run_id, **one.expect["answered"]}:
                yield f"answered: {reported}"
        for request, count in one.expect.get("requests", {}).items():
            if self._services.visits(request) != count:
                yield f"{request}: {self._services.visits(request)} times"
        for request, body in one.expect.get("bodies", {}).items():
            if self._services.bodies.get(request) != body.encode():
                yield f"{request}: {self._services.bodies.get(request)!r}"
        for name, files in one.expect.get("files", {}).items():
            packed = client.get(f"/api/workflow/files/{result[name]}").content
            if zipfile.ZipFile(io.BytesIO(packed)).namelist() != files:
                yield f"{name}: {zipfile.ZipFile(io.BytesIO(packed)).namelist()}"
        if mail := one.expect.get("mail"):
            found = [it for it in self._mails() if mail["to"] in str(it["To"])]
            attached = [part.get_filename() for it in found[-1:] for part in it.iter_attachments()]
            if len(found) == 0 or attached != ([mail["attached"]] if "attached" in mail else []):
                yield f"mail: {len(found)}, {attached}"
