"""When the wall clock jumps, ids keep increasing and each timer fires exactly once.

Tested on a real server, whose clock is set by a file that the plug-in `load_plugin.py` reads. The
journal's timers are moments of the wall clock, so a jump forward makes them fire early, a
jump back late; measured durations, such as step timeouts, are not affected.
"""

import json
import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.upkeep.clock_watch import ClockWatch
from journal import run_number
from tests.harness.journals import events_one_by_one
from tests.harness.processes import run
from tests.harness.server import TRUST, Server, free_port, settled
from tests.load.conftest import Load, chain, full, naps

SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS


class Jumping:
    """A server, and the offset of its clock in milliseconds."""

    def __init__(self, load: Load, folder: Path, offset_ms: int = 0, **settings: Any) -> None:
        self.file = folder / "offset"
        self.to(offset_ms)
        self.server = load(CLOCK_OFFSET=self.file, max_token_lifetime=10**9, **settings)

    def to(self, offset_ms: int) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(offset_ms))
        fresh.replace(self.file)


def sleeping(duration: str, name: str) -> dict[str, Any]:
    return chain([{"id": "sleep", "type": "wait", "duration": duration}], name)


def start(client: httpx.Client, name: str) -> str:
    return str(client.post(f"/api/workflow/start-async/{name}", json={}).json()["runId"])


def asleep(client: httpx.Client, run_id: str) -> None:
    """Wait until a run has set its timer, or has ended."""
    until = time.monotonic() + 60
    while True:
        document = client.get(f"/api/workflow/status/{run_id}").json()
        if document["waitingUntil"] or document["status"] != "running":
            return
        assert time.monotonic() < until, document
        time.sleep(0.02)


def woken(server: Server) -> dict[int, int]:
    """Return how often the sleep of each run has completed."""
    with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal:
        rows = (
            events_one_by_one(journal)
            .execute(
                "SELECT run, count(*) FROM each_event WHERE type = 'StepCompleted'"
                " AND json_extract(body, '$.step_id') = 'sleep' GROUP BY run"
            )
            .fetchall()
        )
    return dict(rows)


def test_ids_increase_and_timers_fire_once_while_the_clock_jumps(
    load: Load, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    clock = Jumping(load, tmp_path)
    server = clock.server
    started: list[str] = []
    with server.client() as client:
        for minutes in (1, 60, 1_500):
            workflow = sleeping(f"{minutes}m", f"sleep{minutes}")
            client.post("/api/workflows", json=workflow).raise_for_status()
        for jump in range(int(os.environ.get("STEPWELL_LOAD_JUMPS", "8"))):
            clock.to(dice.choice((-1, 1)) * dice.choice((1_000, HOUR_MS, DAY_MS, 3 * DAY_MS)))
            started += [start(client, f"sleep{dice.choice((1, 60, 1_500))}") for _ in range(3)]
            if jump % 5 == 4:
                server.kill()
                server.start()
        numbers = [run_number(run_id) for run_id in started]
        assert numbers == sorted(set(numbers))
        for run_id in started:
            asleep(client, run_id)
        clock.to(30 * DAY_MS)
        for run_id in started:
            assert settled(client, run_id)["status"] == "completed"
        clock.to(-30 * DAY_MS)
        server.kill()
        server.start()
        clock.to(60 * DAY_MS)
        time.sleep(1.5)
        assert woken(server) == dict.fromkeys(numbers, 1)
        assert run_number(start(client, "sleep1")) > numbers[-1]


def test_a_clock_set_forward_deletes_no_run(load: Load, tmp_path: Path) -> None:
    clock = Jumping(load, tmp_path, retention="completed=1d", housekeeping_interval=0.1)
    with clock.server.client() as client:
        client.post("/api/workflows", json=chain([], "short")).raise_for_status()
        run_id = client.post("/api/workflow/start/short", json={}).json()["runId"]
        time.sleep(1.5)
        clock.to(YEAR_MS)
        until = time.monotonic() + 60
        while (
            "the clock is ahead, retention does not count that time yet"
            not in clock.server.log.read_text()
        ):
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(1.5)
        assert client.get(f"/api/workflow/status/{run_id}").json()["status"] == "completed"


def test_a_jump_of_the_clock_is_believed_after_a_day() -> None:
    at = {"now": 0, "passed": 0}

    class Wall:
        def now_ms(self) -> int:
            return at["now"]

    jumps = ClockWatch(Wall(), None, lambda: at["passed"])

    def ahead(now_ms: int, passed_ms: int) -> int:
        at["now"], at["passed"] = at["now"] + now_ms, at["passed"] + passed_ms
        return jumps.ahead_ms()

    assert ahead(DAY_MS, DAY_MS) == 0, "no jump"
    assert ahead(HOUR_MS, 0) == 0, "a small one"
    assert ahead(YEAR_MS + HOUR_MS, HOUR_MS) == YEAR_MS
    assert ahead(-YEAR_MS, 0) == 0, "set back"
    assert ahead(YEAR_MS, 0) == YEAR_MS
    assert ahead(DAY_MS - 1, DAY_MS - 1) == YEAR_MS
    assert ahead(1, 1) == 0
    assert ahead(-DAY_MS, 0) == 0


@pytest.mark.parametrize("years", [pytest.param(1, marks=full), 30])
def test_a_run_may_sleep_for_years(load: Load, tmp_path: Path, years: int) -> None:
    clock = Jumping(load, tmp_path)
    with clock.server.client() as client:
        workflow = sleeping(f"{years * 365}d", "long")
        client.post("/api/workflows", json=workflow).raise_for_status()
        run_id = start(client, "long")
        asleep(client, run_id)
        clock.to(years * YEAR_MS - HOUR_MS)
        time.sleep(1.3)
        assert client.get(f"/api/workflow/status/{run_id}").json()["status"] == "running"
        clock.server.kill()
        clock.server.start()
        clock.to(years * YEAR_MS + HOUR_MS)
        assert settled(client, run_id)["status"] == "completed"
    assert woken(clock.server) == {run_number(run_id): 1}


def test_a_jump_does_not_change_step_timeouts(load: Load, tmp_path: Path) -> None:
    """Step timeouts, the grace of a cancel and rate limits use the monotonic clock."""
    clock = Jumping(load, tmp_path)
    quick, slow = naps(1, 1.0)[0], naps(1, 30)[0]
    with clock.server.client() as client:
        client.post("/api/workflows", json=chain([{**quick, "timeout": "20s"}], "ends"))
        client.post("/api/workflows", json=chain([{**slow, "timeout": "1500ms"}], "late"))
        ends, late = start(client, "ends"), start(client, "late")
        clock.to(2 * DAY_MS)
        time.sleep(0.3)
        clock.to(-2 * DAY_MS)
        completed = settled(client, ends)
        assert completed["status"] == "completed"
        failed = settled(client, late)
        assert failed["error"]["type"] == "Timeout"
        history = completed["stepExecutionHistory"] + failed["stepExecutionHistory"]
        assert history[0]["endTime"] < history[0]["startTime"], "the clock was not set back"
        assert [item["duration"] for item in history if item["duration"] < 0] == []
        statistics = client.get("/api/workflow/statistics/ends").json()
        assert statistics["medianDuration"] >= 0


@full
def test_of_a_deadline_and_an_answer_exactly_one_counts_across_a_jump(
    load: Load, tmp_path: Path
) -> None:
    clock = Jumping(load, tmp_path)
    ask = {"id": "ask", "type": "request-user-action", "message": "?", "deadline": "1h",
           "actions": [{"value": "yes", "label": "Yes"}]}  # fmt: skip
    workflow = chain([ask], "asking")
    workflow["edges"].append({"from": "ask", "to": "end", "on": "timeout"})
    with clock.server.client() as client:
        client.post("/api/workflows", json=workflow).raise_for_status()
        runs = [start(client, "asking") for _ in range(6)]
        for run_id in runs:
            settled(client, run_id, "paused")
        clock.to(2 * HOUR_MS)
        statuses = [
            client.post(
                f"/api/workflow/resume/{run_id}",
                json={"type": "request_user_action", "actionId": "ask", "actionValue": "yes"},
            ).status_code
            for run_id in runs
        ]
        clock.to(-2 * HOUR_MS)
        for run_id, status in zip(runs, statuses, strict=True):
            shown = settled(client, run_id)
            steps = [item["status"] for item in shown["stepExecutionHistory"]]
            assert steps[0] == ("completed" if status == 200 else "timed_out"), (status, shown)
            assert shown["status"] == "completed"


def test_a_clock_that_was_set_between_two_starts_does_no_harm(load: Load, tmp_path: Path) -> None:
    """Nothing is deleted for a leap, no session outlives one, and retries go on."""
    clock = Jumping(
        load, tmp_path, retention="completed=1d", housekeeping_interval=0.1,
        webhook_give_up=3_600, webhook_retry_longest=1,
    )  # fmt: skip
    server = clock.server
    nobody = f"http://127.0.0.1:{free_port()}/"
    retry = {"maxAttempts": 1_000, "initialInterval": "1s", "maximumInterval": "1s"}
    call = {"id": "call", "type": "call-api", "url": nobody, "retry": retry}
    with server.client() as client:
        for workflow in (chain([], "short"), chain([call], "calls")):
            client.post("/api/workflows", json=workflow).raise_for_status()
        hook = {"url": nobody, "events": ["run.completed"], "workflowIds": ["short"]}
        hook_path = f"/api/webhooks/{client.post('/api/webhooks', json=hook).json()['id']}"
        short, calls = start(client, "short"), start(client, "calls")
        settled(client, short)

        def attempts() -> tuple[int, int]:
            """Return how often the step and the delivery have been tried."""
            history = client.get(f"/api/workflow/status/{calls}").json()["stepExecutionHistory"]
            deliveries = client.get(f"{hook_path}/deliveries").json()["deliveries"]
            tried = history[0].get("attempt", 1) if history else 0
            return tried, sum(one["attempts"] for one in deliveries)

        def go_on(before: tuple[int, int]) -> None:
            until = time.monotonic() + 60
            while not all(now > then for now, then in zip(attempts(), before, strict=True)):
                assert time.monotonic() < until, attempts()
                time.sleep(0.05)

        go_on((1, 1))
        cookies = {"now": _signed_in(server)}
        for days in (30, -2, 3_650, 0):
            before = attempts()
            server.terminate()
            clock.to(days * DAY_MS)
            server.start()
            statuses = {name: _status_with(server, cookie) for name, cookie in cookies.items()}
            assert set(statuses.values()) == {401}, (days, statuses)
            go_on(before)
            assert client.get(f"/api/workflow/status/{short}").status_code == 200, days
            assert client.get(hook_path).json()["givenUp"] == 0
            cookies[str(days)] = _signed_in(server)
            assert _status_with(server, cookies[str(days)]) == 200, days
        server.terminate()
    said = [json.loads(line) for line in server.log.read_text().splitlines() if line[0] == "{"]
    for name, leaps in (("behind_s", [32, 3_650]), ("ahead_s", [30, 3_652])):
        assert [round(line[name] / 86_400) for line in said if name in line] == leaps
    shown = run("doctor", "--data", server.data, "--json")
    (found,) = [one for one in json.loads(shown.stdout)["findings"] if one["what"] == "clock"]
    assert (shown.returncode, "it was set back" in found["shown"]) == (1, True)
    assert run("verify", "--data", server.data).returncode == 0


def _signed_in(server: Server) -> str:
    form = {"tenant": "acme", "credential": server.key("owner", "acme")}
    with httpx.Client(base_url=server.address, verify=TRUST) as browser:
        return browser.post("/sign-in", data=form).headers["set-cookie"].partition(";")[0]


def _status_with(server: Server, cookie: str) -> int:
    with httpx.Client(base_url=server.address, verify=TRUST) as browser:
        return browser.get("/api/workflows", headers={"cookie": cookie}).status_code
