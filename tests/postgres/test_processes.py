"""Two processes on one database: both take all requests, each action runs once, one can fail."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.assembly import open_services
from app.clock import SystemClock
from app.settings.server import load
from tests.console.test_access import sign_in
from tests.contract.runs.test_concurrency import begin, go_on, has_begun, limited, queued
from tests.events.test_webhooks import hook
from tests.harness.counting import Counting
from tests.harness.event_reader import all_of_run
from tests.harness.postgres import PostgresServer
from tests.harness.processes import command, run
from tests.harness.receiver import Receiver
from tests.harness.server import Server, settled
from tests.harness.several import in_balance, processes, shard
from tests.harness.workflows import call, create, straight

ASK = {"id": "ask", "type": "collect-inputs", "output": {"name": {"type": "string"}}}
NAMED = {"type": "collect_inputs", "data": {"name": "Ada"}}


@pytest.fixture(scope="module")
def two(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Server]]:
    database, folder = postgres.database(), tmp_path_factory.mktemp("two")
    with processes(database, folder, 2, STEPWELL_CANCEL_GRACE="2") as servers:
        yield servers


def resume(client: httpx.Client, run_id: str, **more: Any) -> httpx.Response:
    return client.post(f"/api/workflow/resume/{run_id}", json=NAMED, **more)


def test_a_different_sealing_key_is_refused(two: list[Server], tmp_path: Path) -> None:
    environment = {**two[0].environment, "STEPWELL_SECRETS_KEY": "B" * 43 + "="}
    refused = run("serve", "--data", tmp_path / "data", "--port", 0, environment=environment)
    assert refused.returncode == 1
    assert "sealing key" in refused.stderr + refused.stdout


def test_titles_and_pauses_are_known_at_once_to_all_processes(
    two: list[Server], postgres: PostgresServer
) -> None:
    schema = two[0].environment["STEPWELL_DATABASE_SCHEMA"]
    with two[0].client() as here, two[1].client() as there:
        create(there, "plain", [ASK], straight("ask"))
        for client in (here, there):
            begin(client, "plain")
        here.get("/api/workflow/runs")
        deadline = {**ASK, "deadline": "3d", "onDeadline": "stay"}
        create(there, "named", [deadline], straight("ask"), title="Order 7")
        run_id = begin(there, "named")
        settled(here, run_id, "paused")
        runs = here.get("/api/workflow/runs", params={"workflowId": "named"}).json()["runs"]
        assert [one.get("title") for one in runs] == ["Order 7"]
        assert resume(here, run_id).status_code == 200
        settled(here, run_id)
        rows = f"SELECT FROM {schema}.open_pauses WHERE run = {run_id.rpartition('-')[2]}"
        assert postgres.execute(rows) == []


def test_all_processes_take_all_commands_with_the_same_answers(two: list[Server]) -> None:
    with two[0].client() as here, two[1].client() as there:
        nap = {"id": "nap", "type": "call-tool", "toolId": "sleep", "inputs": {"seconds": 30}}
        create(here, "asks", [ASK], straight("ask"))
        create(here, "naps", [nap], straight("nap"))
        runs = [begin(client, "asks") for client in (here, there) for _ in range(6)]
        assert not {shard(one) for one in runs[:6]} & {shard(one) for one in runs[6:]}
        for run_id, client in zip(runs, [there] * 6 + [here] * 6, strict=True):
            settled(client, run_id, "paused")
            wrong = client.post(f"/api/workflow/resume/{run_id}", json={**NAMED, "data": {}})
            assert wrong.status_code == 400
            first = resume(client, run_id, headers={"idempotency-key": run_id})
            again = resume(here, run_id, headers={"idempotency-key": run_id})
            assert (first.status_code, again.status_code) == (200, 200)
            assert settled(client, run_id)["status"] == "completed"
            assert resume(client, run_id).status_code == 409
        slow = begin(here, "naps")
        settled(here, slow, "running")
        body = {"runId": slow, "workflowId": "naps", "reason": "enough"}
        assert there.post("/api/workflow/management/cancel", json=body).status_code == 200
        assert settled(here, slow)["status"] == "cancelled"
        assert there.post("/api/workflow/management/cancel", json=body).status_code == 409
        # Of concurrent answers at both, one is taken.
        race = begin(here, "asks")
        settled(there, race, "paused")
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda c=c: answers.append(resume(c, race).status_code))
            for c in (here, there) * 3
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, *[409] * 5]
        reported = all_of_run(there, race)
        assert [one.data["seq"] for one in reported] == list(range(1, len(reported) + 1))


def test_a_waiting_parent_continues_when_its_child_ends_at_another_process(
    two: list[Server],
) -> None:
    with two[0].client() as here, two[1].client() as there:
        create(here, "inner", [ASK], straight("ask"))
        steps = [call("inner", output={"name": {"type": "string"}})]
        create(here, "outer", steps, straight("call"))
        run_id = here.post("/api/workflow/start/outer", json={}).json()["runId"]
        paused = settled(there, run_id, "paused")
        (child,) = paused["childRunIds"]
        assert resume(there, child).status_code == 200  # the child directly, at the other process
        assert settled(there, run_id, "completed")["data"] == {"name": "Ada"}


def test_changes_at_one_process_take_effect_at_the_other(two: list[Server]) -> None:
    with two[0].client() as here, two[1].client() as there:
        made = there.post("/api/keys", json={"name": "new", "role": "viewer"}).json()
        headers = {"x-api-key": made["key"], "x-tenant-id": "acme"}
        asked = httpx.get(f"{two[0].address}/api/workflows", headers=headers)
        assert asked.status_code == 200  # immediately
        assert there.delete(f"/api/keys/{made['id']}").status_code in (200, 204)
        until = time.monotonic() + 1.5
        while httpx.get(f"{two[0].address}/api/workflows", headers=headers).status_code != 401:
            assert time.monotonic() < until
        there.put("/api/secrets/token", json={"value": "first-secret-value"})
        create(there, "changing", [ASK], straight("ask"))
        begin(here, "changing")
        edited = there.put("/api/workflows/changing", json={"name": "Another"})
        assert edited.status_code == 200, edited.text
        there.post("/api/workflows/changing/publish", json={})
        while here.get("/api/workflows/changing").json()["name"] != "Another":
            assert time.monotonic() < until + 2
        while [one["name"] for one in here.get("/api/secrets").json()] != ["token"]:
            assert time.monotonic() < until + 2


def at_once(*calls: Callable[[], httpx.Response]) -> None:
    """Make the calls concurrently, and check that all succeed."""
    with ThreadPoolExecutor(len(calls)) as pool:
        answers = [pool.submit(call) for call in calls]
        assert [answer.result().status_code for answer in answers] == [200] * len(calls)


def test_concurrent_changes_do_not_undo_each_other(two: list[Server]) -> None:
    with two[0].client() as here, two[1].client() as there:
        create(here, "shared", [ASK], straight("ask"))
        hooked = {"name": "h", "url": "https://example.com/", "events": ["run.completed"]}
        address = f"/api/webhooks/{here.post('/api/webhooks', json=hooked).json()['id']}"
        for turn in range(12):
            name, other = f"Name {turn}", f"Description {turn}"
            at_once(
                partial(here.put, "/api/workflows/shared", json={"name": name}),
                partial(there.put, "/api/workflows/shared", json={"description": other}),
            )
            shown = here.get("/api/workflows/shared", params={"version": "latest"}).json()
            assert (shown["name"], shown["description"]) == (name, other)
            is_enabled = bool(turn % 2)
            way = "enable" if is_enabled else "disable"
            at_once(
                partial(here.put, address, json={**hooked, "name": name}),
                partial(there.post, f"{address}/{way}"),
            )
            kept = here.get(address).json()
            assert (kept["name"], kept["enabled"]) == (name, is_enabled)


def test_concurrent_changes_of_triggers_and_schedules(two: list[Server]) -> None:
    with two[0].client() as here, two[1].client() as there:
        create(here, "target", [ASK], straight("ask"))
        trigger = {"workflowId": "target", "verify": {"preset": "none"}}
        schedule = {"workflowId": "target", "cron": "@yearly", "timeZone": "UTC"}
        path = urlsplit(here.put("/api/triggers/t", json=trigger).json()["url"]).path
        here.put("/api/schedules/s", json=schedule)
        for turn in range(8):
            is_enabled, cron = bool(turn % 2), f"{turn} 3 * * *"
            way = "resume" if is_enabled else "pause"
            at_once(
                partial(here.post, f"/api/triggers/t/{way}"),
                partial(there.post, "/api/triggers/t/rotate"),
            )
            before, kept = path, there.get("/api/triggers/t").json()
            path = urlsplit(kept["url"]).path
            assert (kept["enabled"], path == before) == (is_enabled, False)
            at_once(
                partial(here.put, "/api/schedules/s", json={**schedule, "cron": cron}),
                partial(there.post, "/api/schedules/s/pause"),
            )
            assert here.get("/api/schedules/s").json()["cron"] == cron


def test_concurrent_changes_of_people(two: list[Server]) -> None:
    with two[0].client() as here, two[1].client() as there:
        made = here.post("/api/people", json={"name": "Ada", "role": "viewer"}).json()
        address, link = f"/api/people/{made['id']}", urlsplit(made["invitation"]).path
        sees = partial(there.get, "/api/people")
        until = time.monotonic() + 2
        while made["id"] not in {one["id"] for one in sees().json()}:
            assert time.monotonic() < until
        password = {"password": "several words are best", "again": "several words are best"}
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(client.post, link, data=password) for client in (here, there)]
            assert sorted(one.result().status_code for one in both) == [303, 404]
        for turn in range(8):
            role, groups = ("viewer", "editor")[turn % 2], [f"group-{turn}"]
            at_once(
                partial(here.put, address, json={"role": role}),
                partial(there.put, address, json={"groups": groups}),
            )
            until = time.monotonic() + 2
            while True:
                (shown,) = [one for one in sees().json() if one["id"] == made["id"]]
                if (shown["role"], shown["groups"]) == (role, groups):
                    break
                assert time.monotonic() < until, shown


def test_places_and_deliveries_are_handled_once_across_processes(two: list[Server]) -> None:
    with two[0].client() as here, two[1].client() as there, Receiver() as receiver:
        limited(here, "one-at-a-time", key="{{ data.k }}", limit=1)
        line = [begin(client, "one-at-a-time", k="a") for client in (here, there, here, there)]
        line = [line[0], *sorted(line[1:], key=lambda one: int(one.rpartition("-")[2]))]
        has_begun(here, line[0])
        for before, after in pairwise(line):
            assert queued(there, after)
            go_on(there, before)
            has_begun(here, after)
        hook(there, receiver, "run.completed")
        create(here, "ends", [], [])
        runs = [begin(client, "ends") for client in (here, there) * 5]
        for run_id in runs:
            settled(here, run_id, "completed")
        until = time.monotonic() + 10
        while len({post.data["runId"] for post in receiver.received()} & set(runs)) < 10:
            assert time.monotonic() < until
            time.sleep(0.02)
        reported = Counter(post.id for post in receiver.received())
        assert set(reported.values()) == {1}


def test_the_clock_of_a_machine_does_not_matter(two: list[Server], tmp_path: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("-300000")
    more = {
        name: value for name, value in two[0].environment.items()
        if name.startswith("STEPWELL_") and name != "STEPWELL_PLUGINS"
    }  # fmt: skip
    plugin = Path(two[0].environment["STEPWELL_PLUGINS"])
    ahead = Server(
        tmp_path / "data", plugin, **more, CLOCK_OFFSET=str(offset), CLOCK_IS_OF_STORE="1"
    )
    ahead.environment["STEPWELL_PLUGINS"] = f"{plugin},{plugin.with_name('load_plugin.py')}"
    ahead._keys = two[0]._keys
    with ahead:
        in_balance([*two, ahead])
        with ahead.client() as client:
            create(client, "dated", [], [])
            for jump in ("-300000", "300000"):  # set while it runs
                offset.write_text(jump)
                ended = client.post("/api/workflow/start/dated", json={}).json()
                number = int(ended["runId"].rpartition("-")[2])
                assert abs(number - time.time() * 1_000) < 5_000
        assert ahead.terminate() == 0
    in_balance(two)


async def test_the_clock_is_the_databases_before_the_first_session(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    class Ahead(SystemClock):
        def now_ms(self) -> int:
            return super().now_ms() + 300_000

    database = postgres.database()
    given = {"data": tmp_path, "database": database.url, "database_schema": database.schema}
    async with open_services(load(given).settings, Ahead()) as services:
        assert abs(services.clock.now_ms() - SystemClock().now_ms()) < 60_000


def test_the_runs_of_a_killed_or_stopped_process_are_taken_over(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    most = {"STEPWELL_MAX_INTERRUPTIONS": "1"}  # a first end only makes steps suspects
    with Counting() as counting, processes(postgres.database(), tmp_path, 2, **most) as servers:
        gone, left = servers
        with gone.client() as here, left.client() as there:
            post = {"id": "post", "type": "call-api", "method": "POST",
                    "url": f"{counting.address}/slow"}  # fmt: skip
            wait = {"id": "wait", "type": "wait", "duration": "300ms"}
            create(here, "works", [post, wait, {**post, "id": "last"}, ASK],
                   straight("post", "wait", "last", "ask"))  # fmt: skip
            waiting: list[Any] = []
            runs = [begin(here, "works") for _ in range(20)]
            thread = threading.Thread(
                target=lambda: waiting.append(
                    there.post("/api/workflow/start/works", json={}, timeout=60).json()
                )
            )
            thread.start()
            time.sleep(0.2)
            nap = {"id": "nap", "type": "call-tool", "toolId": "sleep", "inputs": {"seconds": 60}}
            create(there, "naps", [nap], straight("nap"))
            napping = begin(here, "naps")
            settled(there, napping, "running")
            gone.kill()
            for run_id in runs:
                settled(there, run_id, "paused")
            end = time.monotonic() + 20
            cut_off = {"runId": napping, "stepId": "nap", "interruptions": 1}
            while cut_off not in (found := there.get("/api/processes").json())["cutOff"]:
                assert time.monotonic() < end, found
            stop = {"runId": napping, "workflowId": "naps"}
            there.post("/api/workflow/management/terminate", json=stop).raise_for_status()
            assert there.get("/api/processes").json()["cutOffCount"] < found["cutOffCount"]
            thread.join()
            assert waiting[0]["status"] == "paused"
            gone.start()
            in_balance(servers)
            for run_id in runs:
                assert resume(here, run_id).status_code == 200
            for run_id in runs:
                reported = settled(there, run_id)
                assert reported["status"] == "completed"
                for step in reported["stepExecutionHistory"]:
                    if step["stepId"] in ("post", "last"):
                        key = f"{run_id}:{step['stepId']}:1"
                        # The journal contains the last request: none came after it.
                        assert step["outputData"]["body"]["count"] == counting.requests[key]
            assert gone.terminate() == 0
            assert begin(there, "works")
        answer = command("verify", "--data", left.data, environment=left.environment)
        assert (answer["runs"], answer["faults"]) == (23, 0)


def test_doctor_and_console_list_processes_and_their_shards(two: list[Server]) -> None:
    in_balance(two)
    reported = run("doctor", "--data", two[0].data, environment=two[0].environment).stdout
    with httpx.Client(base_url=two[1].address) as browser:
        sign_in(browser, "acme", two[1].key("viewer"))
        page = browser.get("/settings/health").text
    for server in two:
        assert server.process is not None
        assert f":{server.process.pid}" in reported
        assert f":{server.process.pid}</th><td>32</td>" in page
    assert reported.count("32 shards") == 2, reported
    assert "0 wait for the process that has their run" in reported
    assert "SQLite" not in reported
    assert "Each of the 64 shards of runs belongs to one of them" in page


def test_the_api_and_the_command_line_list_processes_and_what_waits(
    two: list[Server], postgres: PostgresServer
) -> None:
    in_balance(two)
    schema = two[0].environment["STEPWELL_DATABASE_SCHEMA"]
    with two[0].client("viewer") as here, two[0].client() as owner:
        create(owner, "waited", [], [])
        run_id = owner.post("/api/workflow/start/waited", json={}).json()["runId"]
        number, nobody = run_id.rpartition("-")[2], 64  # a shard that no process takes
        postgres.execute(
            f"UPDATE {schema}.events SET at_ms = at_ms - 7000 WHERE run = {number}; INSERT INTO"
            f" {schema}.wakes (run, seq, shard) SELECT id, seq, {nobody} FROM {schema}.runs"
            f" WHERE id = {number}"
        )
        found = here.get("/api/processes").json()
        asked = ("--url", two[1].address, "--key", two[1].key("viewer"), "--tenant", "acme")
        reported = run("processes", *asked).stdout
        postgres.execute(f"DELETE FROM {schema}.wakes WHERE shard = {nobody}")
    pids = {one.process.pid for one in two if one.process}
    assert {int(one["name"].rpartition(":")[2]) for one in found["processes"]} == pids
    assert [(one["shards"], one["leaving"]) for one in found["processes"]] == [(32, False)] * 2
    assert (found["shared"], found["shards"], found["shardsWithoutProcess"]) == (True, 64, 0)
    assert found["commandsWaiting"] == 1
    assert 7_000 <= found["oldestCommandAge"] < 60_000
    assert reported.count("32 shards") == 2, reported
    assert "commands that wait for the process of their run: 1, the oldest for " in reported


def test_a_folder_still_belongs_to_one_process(two: list[Server]) -> None:
    refused = run("serve", "--data", two[0].data, "--port", 0, environment=two[0].environment)
    assert refused.returncode == 1
    assert "in use by process" in refused.stderr
