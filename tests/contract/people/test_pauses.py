"""An answer belongs to one pause: an answer to a closed pause changes nothing."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx

from tests.harness.server import Server, settled

YES = {"actionValue": "yes"}


def asks(identity: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identity, "type": "request-user-action", "message": "Pay {{ data.list[data.i] }}?",
        "actions": [{"value": "yes"}, {"value": "no"}], **more,
    }  # fmt: skip


def looping(identity: str) -> dict[str, Any]:
    """Return a workflow whose one step asks for each item of a list in turn."""
    return {
        "id": identity, "name": identity, "initialStep": "ask",
        "payload": {"list": {"type": "array"}, "i": {"type": "integer", "default": 0}},
        "steps": [
            asks("ask"),
            {"id": "next", "type": "call-tool", "toolId": "transform", "inputs": {"i": "{{ data.i + 1 }}"},
             "output": {"i": {"type": "integer", "value": "{{ result.i }}"}}},
            {"id": "end", "type": "end-flow"},
        ],
        "edges": [
            {"from": "ask", "to": "next"},
            {"from": "next", "to": "ask", "condition": "data.i < (data.list | length)"},
            {"from": "next", "to": "end"},
        ],
    }  # fmt: skip


def calling(identity: str, child: str, *after: dict[str, Any]) -> dict[str, Any]:
    call = {
        "id": "call",
        "type": "call-workflow",
        "workflowId": child,
        "data": {"list": "{{ data.list }}"},
    }
    steps = [call, *after, {"id": "end", "type": "end-flow"}]
    edges = [{"from": a["id"], "to": b["id"]} for a, b in pairwise(steps)]
    return {"id": identity, "name": identity, "initialStep": "call", "payload": {"list": {"type": "array"}},
            "steps": steps, "edges": edges}  # fmt: skip


def begin(client: httpx.Client, definition: dict[str, Any], *others: dict[str, Any]) -> str:
    for each in (*others, definition):
        client.post("/api/workflows", json=each)
    started = client.post(
        f"/api/workflow/start/{definition['id']}", json={"data": {"list": ["Ada", "Bob"]}}
    )
    assert started.json()["status"] == "paused", started.text
    return str(started.json()["runId"])


def shown(client: httpx.Client, run_id: str, message: str) -> dict[str, Any]:
    """Wait until the run asks this, and return the fields that identify the pause."""
    for _ in range(300):
        pause = settled(client, run_id)["pauseSignal"]
        if pause and pause["message"] == message:
            kept = ("type", "stepId", "actionId", "pauseId", "runId")
            return {name: pause[name] for name in kept if name in pause}
    raise AssertionError(f"the run does not ask {message}: {settled(client, run_id)}")


def resume(
    client: httpx.Client, run_id: str, answer: dict[str, Any], key: str | None = None
) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/workflow/resume/{run_id}", json=answer, headers=headers)


def test_an_answer_to_a_closed_pause_is_refused_with_409(shared: Server) -> None:
    with shared.client() as client:
        run_id = begin(client, looping("one-after-the-other"))
        first = shown(client, run_id, "Pay Ada?")
        assert resume(client, run_id, {**first, **YES}).status_code == 200
        second = shown(client, run_id, "Pay Bob?")
        late = resume(client, run_id, {**first, **YES})
        assert (late.status_code, late.json()["error"]) == (409, "Conflict")
        assert second["pauseId"] in late.json()["message"]
        assert shown(client, run_id, "Pay Bob?") == second
        assert resume(client, run_id, {**second, **YES}).status_code == 200
        assert settled(client, run_id)["status"] == "completed"


def test_an_answer_without_a_pause_id_counts_for_the_open_pause(shared: Server) -> None:
    with shared.client() as client:
        run_id = begin(client, looping("bare"))
        bare = {"type": "request_user_action", "actionId": "ask", **YES}
        for message in ("Pay Ada?", "Pay Bob?"):
            shown(client, run_id, message)
            assert resume(client, run_id, bare).status_code == 200
        assert settled(client, run_id)["status"] == "completed"


def test_of_concurrent_answers_to_one_pause_one_counts(shared: Server) -> None:
    with shared.client() as client, ThreadPoolExecutor(10) as pool:
        run_id = begin(client, looping("at-once"))
        answer = {**shown(client, run_id, "Pay Ada?"), **YES}
        codes = [
            sent.status_code
            for sent in pool.map(lambda _: resume(client, run_id, answer), range(10))
        ]
        assert sorted(codes) == [200] + [409] * 9


def test_an_answer_at_the_parent_is_for_the_pause_that_it_shows(shared: Server) -> None:
    with shared.client() as client:
        run_id = begin(client, calling("above", "below"), looping("below"))
        first = shown(client, run_id, "Pay Ada?")
        assert first["runId"] != run_id
        assert resume(client, run_id, {**first, **YES}).status_code == 200
        second = shown(client, run_id, "Pay Bob?")
        for late in (first, {name: item for name, item in first.items() if name != "runId"}):
            assert resume(client, run_id, {**late, **YES}).status_code == 409
        assert resume(client, second["runId"], {**first, **YES}).status_code == 409
        assert resume(client, run_id, {**second, **YES}).status_code == 200
        assert settled(client, run_id)["status"] == "completed"


def test_an_answer_for_a_child_does_not_answer_the_parents_own_pause(shared: Server) -> None:
    with shared.client() as client:
        own = asks("own", message="And now?")
        run_id = begin(client, calling("then-asks", "below-it", own), looping("below-it"))
        for message in ("Pay Ada?", "Pay Bob?"):
            child = shown(client, run_id, message)
            assert resume(client, run_id, {**child, **YES}).status_code == 200
        mine = shown(client, run_id, "And now?")
        bare = {"type": "request_user_action", "actionId": "own", **YES}
        for other in (child["runId"], "dynamic-workflow-1"):
            assert resume(client, run_id, {**bare, "runId": other}).status_code == 409
        assert resume(client, run_id, {**mine, **YES, "runId": run_id}).status_code == 200


def test_an_answer_with_an_idempotency_key_is_applied_once(shared: Server) -> None:
    with shared.client() as client:
        run_id = begin(client, looping("keyed"))
        shown(client, run_id, "Pay Ada?")
        bare = {"type": "request_user_action", "actionId": "ask", **YES}
        for _ in range(3):
            assert resume(client, run_id, bare, "key-1").status_code == 200
        shown(client, run_id, "Pay Bob?")
        other = resume(client, run_id, {**bare, "actionValue": "no"}, "key-1")
        assert (other.status_code, other.json()["error"]) == (422, "Idempotency key reused")
        assert resume(client, run_id, bare, "key-2").status_code == 200
        settled(client, run_id, "completed")
        assert resume(client, run_id, bare, "key-1").json()["status"] == "completed"
        assert resume(client, run_id, bare, "key-3").status_code == 409


def test_an_answer_at_the_parent_with_an_idempotency_key_is_applied_once(shared: Server) -> None:
    with shared.client() as client:
        run_id = begin(client, calling("keyed-above", "keyed-below"), looping("keyed-below"))
        shown(client, run_id, "Pay Ada?")
        bare = {"type": "request_user_action", "actionId": "ask", **YES}
        for _ in range(3):
            assert resume(client, run_id, bare, "key-1").status_code == 200
        shown(client, run_id, "Pay Bob?")


def test_a_link_is_made_for_the_pause_that_its_maker_has_seen(shared: Server) -> None:
    with shared.client() as client:
        run_id = begin(client, looping("stale-link"))
        links = f"/api/workflow/links/{run_id}"
        first = shown(client, run_id, "Pay Ada?")["pauseId"]
        assert client.post(links, json={"pauseId": first}).status_code == 201
        resume(client, run_id, {"type": "request_user_action", "actionId": "ask", **YES})
        second = shown(client, run_id, "Pay Bob?")["pauseId"]
        assert client.post(links, json={"pauseId": first}).status_code == 409
        assert client.post(links, json={"pauseId": second}).status_code == 201


def test_each_of_several_child_runs_that_ask_is_reached_at_the_parent(shared: Server) -> None:
    child = {"id": "several-below", "name": "several-below", "initialStep": "ask",
             "payload": {"list": {"type": "array"}, "i": {"type": "integer"}},
             "steps": [asks("ask"), {"id": "end", "type": "end-flow"}],
             "edges": [{"from": "ask", "to": "end"}]}  # fmt: skip
    each = {"id": "call", "type": "call-workflow", "workflowId": "several-below",
            "items": "{{ data.list }}", "data": {"list": "{{ data.list }}", "i": "{{ index }}"}}  # fmt: skip
    parent = {"id": "several", "name": "several", "initialStep": "call",
              "payload": {"list": {"type": "array"}},
              "steps": [each, {"id": "end", "type": "end-flow"}],
              "edges": [{"from": "call", "to": "end"}]}  # fmt: skip
    with shared.client() as client:
        run_id = begin(client, parent, child)
        _, second = settled(client, run_id)["pauseSignals"]
        made = client.post(f"/api/workflow/links/{run_id}", json={"pauseId": second["pauseId"]})
        assert (made.status_code, made.json()["runId"]) == (201, second["runId"])
        answer = {"type": "request_user_action", "actionId": "ask", **YES}
        named = resume(client, run_id, {**answer, "runId": second["runId"]})
        assert named.status_code == 200, named.text
        assert settled(client, second["runId"])["status"] == "completed"
        assert resume(client, run_id, {**answer, "runId": second["runId"]}).status_code == 409
        shown(client, run_id, "Pay Ada?")
