"""Schedules on a server whose clock is moved: each time starts exactly one run."""

import random
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.server import Server, settled
from tests.triggers.conftest import Clocked, asking, nothing_to_do, until

pytestmark = pytest.mark.data_folder

DAILY = {"cron": "30 2 * * *", "timeZone": "Europe/Berlin", "missed": "all"}


def put(client: httpx.Client, schedule_id: str, workflow_id: str = "end", **body: Any) -> Any:
    answer = client.put(f"/api/schedules/{schedule_id}", json={"workflowId": workflow_id, **body})
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def at_next(clocked: Clocked, schedule_id: str, moment: str) -> None:
    """Wait until the next time of a schedule is this one."""
    wanted = round(datetime.fromisoformat(moment).timestamp() * 1_000)
    until(lambda: clocked.rows("SELECT next_at_ms FROM schedules WHERE id = ?", schedule_id),
          lambda found: found == [(wanted,)])  # fmt: skip


def firings(client: httpx.Client, schedule_id: str) -> list[tuple[str, str]]:
    """Return key and outcome of each firing, oldest first."""
    found = client.get(f"/api/schedules/{schedule_id}/firings").json()["firings"]
    return [(item["key"], item["outcome"]) for item in reversed(found)]


def names(hour: str, found: list[tuple[str, str]]) -> bool:
    return any(hour in key for key, _ in found)


def waiting(client: httpx.Client) -> int:
    return [what for _, what in firings(client, "queue")].count("queued")


def test_a_daily_schedule_starts_one_run_on_days_of_a_clock_change(clocked: Clocked) -> None:
    clocked.set_clock("2026-03-28T12:00+01:00")
    takes = {
        "at": {"type": "string"},
        "of": {"type": "string"},
        "n": {"type": "integer", "default": 1},
    }
    with clocked.client() as client:
        client.post("/api/workflows", json=nothing_to_do("end", payload=takes)).raise_for_status()
        made = put(
            client, "daily", data={"at": "{{ schedule.at }}", "of": "{{ schedule.id }}"}, **DAILY
        )
        assert made["upcoming"][:2] == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
        assert len(made["upcoming"]) == 5
        for now in (
            "2026-03-29T03:00:01+02:00",
            "2026-03-29T12:00+02:00",
            "2026-03-30T12:00+02:00",
        ):
            clocked.set_clock(now)
            at_next(clocked, "daily", f"2026-03-{int(now[8:10]) + 1}T02:30+02:00")
        until(lambda: len(firings(client, "daily")), lambda count: count == 2)
        assert clocked.started("daily") == ["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        newest = client.get("/api/schedules/daily").json()
        run = client.get(f"/api/workflow/status/{newest['lastRunId']}").json()
        assert run["data"] == {"at": "2026-03-30T02:30:00+02:00", "of": "daily", "n": 1}
        clocked.set_clock("2026-10-24T12:00+02:00")
        put(client, "daily", data={"at": "x", "of": "y"}, **{**DAILY, "cron": "30 2 * * 6,0"})
        for now in ("2026-10-25T02:31+02:00", "2026-10-25T02:31+01:00", "2026-10-25T12:00+01:00"):
            clocked.set_clock(now)
            at_next(clocked, "daily", "2026-10-31T02:30+01:00")
        assert clocked.started("daily")[2:] == ["2026-10-25T00:30:00Z"]


def test_times_missed_while_the_server_was_stopped_follow_the_setting(clocked: Clocked) -> None:
    clocked.set_clock("2027-01-01T00:30:00Z")
    with clocked.client() as client:
        client.post("/api/workflows", json=nothing_to_do("away"))
        for missed in ("skip", "last", "all"):
            put(client, missed, "away", cron="@hourly", timeZone="UTC", missed=missed)
    clocked.kill()
    clocked.set_clock("2027-01-01T04:30:00Z")
    clocked.start()
    with clocked.client() as client:
        until(lambda: firings(client, "all"), lambda found: len(found) == 4)
        until(
            lambda: firings(client, "skip"),
            lambda found: [what for _, what in found] == ["skipped"],
        )
        until(lambda: firings(client, "last"),
              lambda found: sorted(what for _, what in found) == ["skipped", "started"])  # fmt: skip
        assert clocked.started("skip") == []
        assert clocked.started("last") == ["2027-01-01T04:00:00Z"]
        assert clocked.started("all") == [f"2027-01-01T0{hour}:00:00Z" for hour in (1, 2, 3, 4)]
        for missed in ("skip", "last", "all"):
            client.delete(f"/api/schedules/{missed}").raise_for_status()


def test_a_time_during_an_active_run_follows_the_overlap_setting(clocked: Clocked) -> None:
    clocked.set_clock("2027-02-01T00:30:00Z")
    ways = ("start", "skip", "queue", "cancel-old")
    hourly = {"cron": "@hourly", "timeZone": "UTC"}
    with clocked.client() as client:
        client.post("/api/workflows", json=asking("long"))
        put(client, "a-broken-queue", "long", **hourly, overlap="queue")
        for overlap in ways:
            put(client, overlap, "long", **hourly, overlap=overlap)
        for hour in ("01", "02", "03"):
            clocked.set_clock(f"2027-02-01T{hour}:00:01Z")
            for overlap in ways:
                until(partial(firings, client, overlap), partial(names, f"T{hour}:"))
        outcomes = {overlap: [what for _, what in firings(client, overlap)] for overlap in ways}
        assert outcomes == {
            "start": ["started"] * 3,
            "skip": ["started", "skipped", "skipped"],
            "queue": ["started", "queued", "queued"],
            "cancel-old": ["started"] * 3,
        }
        runs = [
            item["runId"]
            for item in client.get("/api/schedules/cancel-old/firings").json()["firings"]
        ]
        statuses = [settled(client, run)["status"] for run in runs]
        assert statuses == ["paused", "cancelled", "cancelled"]
        answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "approved"}
        unreadable = client.get("/api/schedules/a-broken-queue").json()["lastRunId"]
        clocked.damage(unreadable)  # it delays no other schedule
        for count in (2, 1):
            run = client.get("/api/schedules/queue").json()["lastRunId"]
            settled(client, run, "paused")
            client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()
            until(partial(waiting, client), partial(eq, count - 1))
        assert [what for _, what in firings(client, "queue")] == ["started"] * 3
        assert len(clocked.started("queue")) == 3
        for overlap in ("a-broken-queue", *ways):
            client.delete(f"/api/schedules/{overlap}").raise_for_status()


def test_a_clock_that_jumps_neither_loses_nor_repeats_a_time(
    clocked: Clocked,
) -> None:
    clocked.set_clock("2027-03-01T00:30:00Z")
    with clocked.client() as client:
        client.post("/api/workflows", json=nothing_to_do("jump"))
        put(client, "jump", "jump", cron="@hourly", timeZone="UTC", missed="all")
        clocked.set_clock("2027-03-01T02:30:00Z")
        until(lambda: clocked.started("jump"), lambda started: len(started) == 2)
        clocked.set_clock("2027-03-01T00:30:00Z")
        at_next(clocked, "jump", "2027-03-01T01:00:00Z")
        for hour in range(1, 5):
            clocked.set_clock(f"2027-03-01T0{hour}:00:30Z")
            at_next(clocked, "jump", f"2027-03-01T0{hour + 1}:00:00Z")
        assert clocked.started("jump") == [f"2027-03-01T0{hour}:00:00Z" for hour in range(1, 5)]
        assert clocked.rows("SELECT count(*) FROM runs WHERE workflow_id = 'jump'") == [(4,)]


def test_a_paused_schedule_has_no_missed_times(clocked: Clocked) -> None:
    clocked.set_clock("2027-04-01T00:30:00Z")
    with clocked.client() as client:
        client.post("/api/workflows", json=nothing_to_do("rest"))
        put(client, "rest", "rest", cron="@hourly", timeZone="UTC", missed="all")
        paused = client.post("/api/schedules/rest/pause").json()
        assert (paused["enabled"], paused["upcoming"]) == (False, [])
        clocked.set_clock("2027-04-01T05:30:00Z")
        resumed = client.post("/api/schedules/rest/resume").json()
        assert resumed["upcoming"][0] == "2027-04-01T06:00:00+00:00"
        clocked.set_clock("2027-04-01T06:00:10Z")
        until(lambda: clocked.started("rest"), bool)
        assert clocked.started("rest") == ["2027-04-01T06:00:00Z"]


def test_a_failed_firing_records_its_reason_and_the_next_one_follows(
    clocked: Clocked,
) -> None:
    clocked.set_clock("2027-05-01T00:30:00Z")
    with clocked.client() as client:
        client.post("/api/workflows", json=nothing_to_do("gone"))
        put(client, "gone", "gone", cron="@hourly", timeZone="UTC")
        client.delete("/api/workflows/gone").raise_for_status()
        clocked.set_clock("2027-05-01T01:00:10Z")
        found = until(
            lambda: client.get("/api/schedules/gone").json(), lambda one: one["lastFiring"]
        )
        assert found["lastFiring"]["outcome"] == "failed"
        assert "archived" in found["lastFiring"]["message"]
        assert found["upcoming"][0] == "2027-05-01T02:00:00+00:00"
        listed = client.get("/settings/schedules").text
        assert 'href="/settings/schedules/gone"' in listed
        assert "is-failed" in listed
        shown = client.get("/settings/schedules/gone").text
        assert 'datetime="2027-05-01T02:00:00' in shown
        assert "archived" in shown


@pytest.mark.parametrize(
    ("body", "path", "reported"),
    [
        ({"cron": "* * * *"}, "cron", "five fields"),
        ({"timeZone": "Europe/Belrin"}, "timeZone", "did you mean Europe/Berlin"),
        ({"workflowId": "nowhere"}, "workflowId", "there is no workflow"),
        ({"version": "9.9.9"}, "version", "no version"),
        ({"data": {"n": "{{ schedule.when }}"}}, "data", "schedule.when"),
        ({"data": {"n": "{{ 1 + }}"}}, "data", "expression"),
        ({"data": {"n": "three"}}, "data.n", "whole number"),
        ({"data": {}}, "data.n", "is required"),
        ({"missed": "some"}, "missed", "'skip', 'last' or 'all'"),
        ({"mostMissed": 3}, "mostMissed", "only where missed is all"),
        ({"jitter": "2h"}, "jitter", "must be at most 1h"),
        ({"overlaps": "skip"}, "overlaps", "did you mean overlap?"),
    ],
)  # fmt: skip
def test_problems_of_a_schedule_are_reported_by_field(
    clocked: Clocked, body: dict[str, Any], path: str, reported: str
) -> None:
    with clocked.client() as client:
        takes = {"n": {"type": "integer"}}
        client.post("/api/workflows", json=nothing_to_do("takes", payload=takes))
        right = {"workflowId": "takes", "cron": "@daily", "timeZone": "UTC", "data": {"n": 1}}
        answer = client.put("/api/schedules/wrong", json={**right, **body})
        assert answer.status_code == 400, answer.text
        assert any(item["path"] == path and reported in item["message"]
                   for item in answer.json()["details"]), answer.text  # fmt: skip
        assert client.get("/api/schedules/wrong").status_code == 404


def test_kills_around_firings_neither_repeat_nor_lose_a_run(tmp_path: Path) -> None:
    dice = random.Random(7)
    begin = datetime(2028, 1, 1, tzinfo=UTC)
    with Clocked(tmp_path) as server:
        server.at(begin.timestamp() + 30)
        with server.client() as client:
            client.post("/api/workflows", json=nothing_to_do("end"))
            for number in range(2):
                put(client, f"s{number}", cron="@hourly", timeZone="UTC", missed="all")
        for hour in range(1, 6):
            moment = begin + timedelta(hours=hour, seconds=1)
            killer = threading.Timer(dice.random() * 0.06, server.kill)
            server.at(moment.timestamp())
            time.sleep(dice.random() * 0.9)
            killer.start()
            killer.join()
            server.start()
        wanted = [f"2028-01-01T0{hour}:00:00Z" for hour in range(1, 6)]
        for number in range(2):
            until(
                partial(server.started, f"s{number}"), lambda started: len(started) >= len(wanted)
            )
            assert server.started(f"s{number}") == wanted
        assert server.rows("SELECT count(*) FROM runs") == [(2 * len(wanted),)]
        with server.client() as client:
            until(lambda: [what for _, what in firings(client, "s0")],
                  lambda found: found == ["started"] * len(wanted))  # fmt: skip


def test_a_thousand_schedules_use_an_index_and_little_space(tmp_path: Path) -> None:
    with Clocked(tmp_path) as server, server.client() as client:
        server.at(datetime(2029, 6, 1, tzinfo=UTC).timestamp())
        client.post("/api/workflows", json=nothing_to_do("end"))
        put(client, "s0", cron="0 0 2 6 *", timeZone="UTC")
        server.kill()
        before = (server.data / "journal.sqlite3").stat().st_size
        with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal:
            journal.executemany(
                "INSERT INTO schedules SELECT tenant, ?, document, next_at_ms, due_at_ms, last_run,"
                " created_at_ms, updated_at_ms FROM schedules WHERE id = 's0'",
                [(f"s{number}",) for number in range(1, 1_000)],
            )
            journal.commit()
        server.start()
        assert (server.data / "journal.sqlite3").stat().st_size - before < 5_000_000
        more = {"workflowId": "end", "cron": "@daily", "timeZone": "UTC"}
        assert client.put("/api/schedules/more", json=more).status_code == 409
        assert len(client.get("/api/schedules").json()) == 1_000
        server.set_clock("2029-06-02T00:00:05Z")
        until(lambda: server.rows("SELECT count(*) FROM firings WHERE outcome = 'started'"),
              lambda found: found == [(1_000,)])  # fmt: skip
        assert server.rows("SELECT count(*), count(DISTINCT run) FROM start_keys") == [
            (1_000, 1_000)
        ]


def test_the_next_schedule_is_found_by_index(server: Server) -> None:
    with closing(sqlite3.connect(server.data / "journal.sqlite3")) as journal:
        for sql in (
            "SELECT due_at_ms FROM schedules WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms LIMIT 1",
            """SELECT * FROM schedules WHERE due_at_ms <= 5 AND (due_at_ms, tenant, id) > (1, '', '')
            ORDER BY due_at_ms, tenant, id LIMIT 5""",
        ):
            plan = " ".join(row[3] for row in journal.execute(f"EXPLAIN QUERY PLAN {sql}"))
            assert "schedules_due" in plan
            assert "B-TREE" not in plan
