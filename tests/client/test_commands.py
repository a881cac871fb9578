"""The commands of `stepwell` that use the API, as a person runs them."""

import json
import os
import pty
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from app.cli.main import main
from tests.client.conftest import ASKING, client_for
from tests.harness.processes import run, start
from tests.harness.server import Server


def environment(server: Server) -> dict[str, str]:
    return {**os.environ, "STEPWELL_URL": server.address, "STEPWELL_KEY": server.key(),
            "STEPWELL_TENANT": "acme"}  # fmt: skip


def printed(server: Server, *arguments: object, code: int = 0) -> str:
    done = run(*arguments, environment=environment(server))
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


def printed_json(server: Server, *arguments: object) -> Any:
    return json.loads(printed(server, *arguments, "--json"))


def test_a_run_by_commands(defined: Server, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("hello")
    started = printed_json(defined, "start", "collecting", "--file", file, "--wait")
    assert started["status"] == "paused"
    assert started["data"]["attachment"]["fileName"] == "a.txt"
    run_id = started["runId"]
    assert "waits for collect_inputs at form" in printed(defined, "status", run_id)
    printed(defined, "resume", run_id, "--data-json", '{"city": "Ulm"}')
    with client_for(defined) as client:
        assert client.run(run_id).wait(60).status == "completed"
    lines = printed(defined, "tail", run_id).splitlines()
    assert lines[-1].endswith("run.completed")
    watched = told_lines(printed(defined, "status", run_id, "--watch", "--json"))
    assert len(watched) == len(lines)


def test_open_pauses_by_commands(defined: Server) -> None:
    with client_for(defined) as client:
        run = client.start("asking", {})
        run.wait(60)
        (mine,) = [one for one in client.pauses.open(workflow_id="asking") if one.run_id == run.id]
        assert (mine.may_answer, len(mine.seen)) == (True, 64)
        assert run.id in printed(defined, "inbox", "--workflow", "asking")
        assert f"run  {run.id}  paused" in printed(defined, "search", run.id)
        assert "workflow  asking  " in printed(defined, "search", "asking")
        pause = printed_json(defined, "claim", run.id, "--comment", "mine")["pauseSignal"]
        assert pause["claimedBy"].startswith("key:")
        line = next(
            line
            for line in printed(defined, "inbox", "--whose", "mine").splitlines()
            if run.id in line
        )
        assert f"claimed by {pause['claimedBy']}" in line
        assert printed_json(defined, "unclaim", run.id)["pauseSignal"]["claimedBy"] is None
        handed = printed_json(defined, "delegate", run.id, "Grace", "--pause", pause["pauseId"])
        assert handed["pauseSignal"]["assignees"] == ["Grace"]
        assert run.id not in printed(defined, "inbox", "--whose", "mine")
        assert "for Grace" in printed(defined, "inbox")
        run.cancel()


def test_link_terminate_and_rerun_by_commands(defined: Server) -> None:
    run_id = printed(defined, "start", "asking").strip()
    with client_for(defined) as client:
        client.run(run_id).wait(60)
    url = printed(defined, "link", run_id, "--name", "Dr. Byron", "--expires-in", "1d").strip()
    assert "/answer/" in url
    assert httpx.get(url).status_code == 200
    assert f"{run_id}  terminated" in printed(defined, "terminate", run_id, "--reason", "enough")
    again = printed(defined, "rerun", run_id, "--from", "start", "--wait").split()
    assert again[1:] == ["paused"]
    document = printed_json(defined, "cancel", again[0])
    assert document["origin"]["runId"] == run_id
    assert "not allowed with" in printed(
        defined, "rerun", "x", "--step", "a", "--from", "start", code=2
    )


def test_tail_ends_as_other_tools_when_its_reader_closes_the_pipe(defined: Server) -> None:
    with client_for(defined) as client:
        client.start("asking", {})
        tailing = start(
            "tail", "--from-start",
            environment=environment(defined), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert tailing.stdout is not None
        assert tailing.stderr is not None
        assert b"run.started" in tailing.stdout.readline()
        tailing.stdout.close()
        client.start("asking", {})
        client.start("asking", {})
        assert (tailing.wait(60), tailing.stderr.read()) == (141, b"")
        tailing.stderr.close()


def told_lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_actions_cancellation_and_refusals_by_commands(defined: Server) -> None:
    run_id = printed_json(defined, "start", "asking", "--data-json", '{"a": 1}')["runId"]
    with client_for(defined) as client:
        paused = client.run(run_id).wait(60)
    assert paused.pause is not None
    value = paused.pause.actions[0].value
    assert "400" in printed(defined, "resume", run_id, "--action", "nonsense", code=1)
    printed(defined, "resume", run_id, "--action", value, "--comment", "fine")
    run_id = printed(defined, "start", "asking").strip()
    assert run_id in printed(defined, "cancel", run_id, "--reason", "enough")
    assert "must be a JSON object" in printed(
        defined, "start", "asking", "--data-json", "[]", code=1
    )
    assert "is failed" in printed(defined, "start", "failing", "--wait", code=1)
    assert "404" in printed(defined, "status", "none", code=1)
    refused = printed(defined, "repair", "hold", "none", code=1)
    assert refused.startswith("stepwell: 404"), "one line, and not where in the code"
    for command in (["status", ""], ["tail", ""], ["schedule", "show", ""], ["status", "a/b"]):
        refused = printed(defined, *command, code=1)
        assert refused == f"stepwell: {command[-1]!r} cannot be a name or an id\n", command
    refused = printed(defined, "transcript", run_id, "--step", "nonsense", code=1)
    assert "has no step nonsense" in refused


def test_bulk_commands_by_the_url_of_a_server(defined: Server) -> None:
    """With a URL, commands use the API with the role of the key; `--data` takes precedence."""
    with client_for(defined) as client:
        client.workflows.create({**ASKING, "id": "crowd", "name": "Crowd"})
        mine = [client.start("crowd", {}).id for _ in range(5)]
        client.run(mine[-1]).wait(60)
    listed = printed_json(defined, "runs", "list", "--workflow", "crowd", "--limit", "3")
    assert [line["runId"] for line in listed["runs"]] == mine[:1:-1]
    oldest = printed(defined, "runs", "list", mine[0], "--workflow", "crowd", "--limit", "1")
    assert f"runId={mine[0]}" in oldest, "also beyond the newest page"
    assert (
        printed_json(defined, "runs", "cancel", "--workflow", "crowd", "--dry-run")["matched"] == 5
    )
    viewer = {**environment(defined), "STEPWELL_KEY": defined.key("viewer")}
    refused = run("runs", "cancel", "--workflow", "crowd", environment=viewer)
    assert (refused.returncode, "403" in refused.stderr) == (1, True)
    assert printed_json(defined, "runs", "cancel", *mine[:2])["changed"] == 2
    assert printed_json(defined, "runs", "terminate", "--workflow", "crowd")["changed"] == 3
    assert printed_json(defined, "runs", "delete", "--workflow", "crowd")["changed"] == 5
    assert printed_json(defined, "runs", "list", "--workflow", "crowd")["runs"] == []
    assert "--tenant" in printed(defined, "runs", "list", "--data", defined.data, code=1)
    here = printed_json(defined, "runs", "list", "--data", defined.data, "--tenant", "nobody")
    assert here["runs"] == []


def test_reading_commands_soon_report_an_unreachable_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They retry for ten seconds of a clock that moves only while they pause."""
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr("stepwell._flow.time", clock)
    monkeypatch.setattr("stepwell._blocking.connection.time", clock)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert main(["status", "dynamic-workflow-1", "--url", away, "--key", "sk_any"]) == 1
    assert away in capsys.readouterr().err
    assert len(pauses) > 3
    assert 5 < sum(pauses) <= 10


def test_a_terminal_redraws_the_status_in_place(defined: Server) -> None:
    with client_for(defined) as client:
        run_id = client.start("asking", {}).id
        paused = client.run(run_id).wait(60)
    assert paused.pause is not None
    value = paused.pause.document["actions"][0]["value"]
    ours, theirs = pty.openpty()
    watching = start("status", run_id, "--watch", environment=environment(defined), stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
            if b"paused" in shown and value:
                printed(defined, "resume", run_id, "--action", value)
                value = None
    except OSError:
        pass  # the other end of the terminal is closed
    os.close(ours)
    assert watching.wait(60) == 0
    assert b"F\x1b[J" in shown
    assert b"paused" in shown
    assert b"completed" in shown.rpartition(b"\x1b[J")[2]


def test_a_server_ignores_the_variables_of_the_client_and_of_the_single_file(
    defined: Server,
) -> None:
    shown = run(
        "config", environment={**environment(defined), "STEPWELL_TOKEN": "x", "STEPWELL_CACHE": "x"}
    )
    assert "not a known setting" not in shown.stderr
    assert shown.returncode == 0, shown


def test_schedules_by_commands(defined: Server, tmp_path: Path) -> None:
    file = tmp_path / "schedule.json"
    file.write_text('{"workflowId": "asking", "cron": "@yearly", "timeZone": "UTC"}')
    assert "nightly  asking  @yearly  next 20" in printed(
        defined, "schedule", "put", "nightly", file
    )
    assert printed_json(defined, "schedule", "pause", "nightly")["enabled"] is False
    assert "paused" in printed(defined, "schedule", "list")
    assert len(printed_json(defined, "schedule", "resume", "nightly")["upcoming"]) == 5
    assert printed(defined, "schedule", "show", "nightly").count("\n") == 1
    file.write_text('{"workflowId": "asking", "cron": "@yearly", "timeZone": "Mars"}')
    assert "timeZone" in printed(defined, "schedule", "put", "nightly", file, code=1)
    assert printed(defined, "schedule", "delete", "nightly") == "deleted\n"
    with client_for(defined) as client:
        assert client.schedules.list() == []


def test_a_signal_by_commands(defined: Server) -> None:
    waits = {"id": "w", "type": "wait-for-signal", "signal": "paid", "key": "{{ data.order }}"}
    with client_for(defined) as client:
        client.workflows.create({
            "id": "paying", "name": "Paying", "initialStep": "w",
            "steps": [waits, {"id": "end", "type": "end-flow"}], "edges": [{"from": "w", "to": "end"}],
        })  # fmt: skip
        kept = printed(defined, "signal", "paid", "7", "--data-json", "[1]", "--keep-for", "1d")
        assert kept == "stored until a run waits for it\n"
        run = client.start("paying", {"order": 7})  # the run takes the signal when it pauses
        until = time.monotonic() + 60
        while run.status().status != "completed" and time.monotonic() < until:
            time.sleep(0.05)
        assert run.status().status == "completed"
        run = client.start("paying", {"order": 8})
        paused = run.wait(60)
        assert paused.pause is not None
        assert paused.pause.type == "wait_for_signal"
        sent = client.send_signal("paid", "8", signal_id="once")
        assert sent["deliveredTo"] == [run.id]
        assert printed_json(defined, "signal", "paid", "8", "--id", "once")["duplicate"]
    assert "not JSON" in printed(defined, "signal", "paid", "--data-json", "{", code=1)


def test_triggers_by_commands(defined: Server, tmp_path: Path) -> None:
    file = tmp_path / "trigger.json"
    file.write_text('{"workflowId": "asking", "verify": {"preset": "none"}, "data": {}}')
    url = printed(defined, "trigger", "put", "hook", file).split()[-1]
    assert url.startswith(f"{defined.address}/in/")
    assert httpx.post(url, json={}).status_code == 202
    shown = printed(defined, "trigger", "show", "hook").splitlines()
    key, outcome, run = shown[1].split()
    assert (outcome, printed_json(defined, "trigger", "show", "hook")["url"]) == ("started", url)
    again = printed(defined, "trigger", "replay", "hook", key).strip()
    assert again not in ("", run)
    assert printed_json(defined, "trigger", "rotate", "hook")["url"] != url
    assert httpx.post(url, json={}).status_code == 404
    assert printed_json(defined, "trigger", "pause", "hook")["enabled"] is False
    assert "paused" in printed(defined, "trigger", "list")
    assert printed_json(defined, "trigger", "resume", "hook")["enabled"] is True
    with client_for(defined) as client:
        assert client.triggers.request("hook", key)["body"] == "{}"
        assert [item["id"] for item in client.triggers.list()] == ["hook"]
    file.write_text('{"workflowId": "asking"}')
    assert "verify" in printed(defined, "trigger", "put", "hook", file, code=1)
    assert printed(defined, "trigger", "delete", "hook") == "deleted\n"
