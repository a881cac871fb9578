"""Webhooks over real connections: content, signatures, order, retries and permissions."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.attack.wire import connect, read
from tests.conftest import PLUGIN
from tests.harness.receiver import Receiver
from tests.harness.server import Server, settled

QUICK = {
    "id": "quick", "name": "Quick", "title": "Number {{ data.n | default(0) }}", "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow", "result": {"n": "{{ data.n | default(0) }}"}}], "edges": [],
}  # fmt: skip
ASK = {
    "id": "asking", "name": "Asking", "initialStep": "ask",
    "steps": [{"id": "ask", "type": "request-user-action"}, {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("webhooks")
    with Server(
        folder / "data",
        PLUGIN,
        STEPWELL_WEBHOOK_RETRY_FIRST="0.05",
        STEPWELL_WEBHOOK_RETRY_LONGEST="0.2",
        STEPWELL_WEBHOOK_GIVE_UP="1",
        STEPWELL_WEBHOOK_TIMEOUT="0.5",
    ) as server:
        with server.client() as client:
            for document in (QUICK, ASK):
                assert client.post("/api/workflows", json=document).status_code == 201
        yield server


@pytest.fixture
def client(shared: Server) -> Iterator[httpx.Client]:
    with shared.client("owner") as client:
        yield client
        for webhook in client.get("/api/webhooks").json():
            client.delete(f"/api/webhooks/{webhook['id']}")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def hook(client: httpx.Client, receiver: Receiver, *events: str, **more: Any) -> Any:
    body = {"url": receiver.address, "events": events or ("*",), "secret": receiver.secret, **more}
    answer = client.post("/api/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def start(client: httpx.Client, workflow: str = "quick", **data: Any) -> str:
    answer = client.post(f"/api/workflow/start-async/{workflow}", json={"data": data})
    return str(answer.json()["runId"])


def until(happens: Callable[[], Any], within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_events_are_delivered_in_order_and_signed(client: httpx.Client, receiver: Receiver) -> None:
    webhook = hook(client, receiver)
    run_id = start(client, n=7)
    until(lambda: len(receiver.posts) >= 4)
    assert [post.type for post in receiver.posts] == [
        "run.started", "step.started", "step.completed", "run.completed",
    ]  # fmt: skip
    assert all(post.signed for post in receiver.posts)
    assert len({post.id for post in receiver.posts}) == 4
    assert receiver.posts[-1].data["result"] == {"n": 7}
    assert {post.data["runId"] for post in receiver.posts} == {run_id}
    assert {post.data["title"] for post in receiver.posts} == {"Number 7"}
    path = f"/api/webhooks/{webhook['id']}/deliveries"
    until(lambda: client.get(path).json()["deliveries"][0]["status"] == "delivered")
    page = client.get(path, params={"limit": 3}).json()
    assert [item["type"] for item in page["deliveries"]] == [
        "run.completed", "step.completed", "step.started",
    ]  # fmt: skip
    assert page["deliveries"][0]["answer"] == 200
    rest = client.get(path, params={"cursor": page["nextCursor"]}).json()
    assert [item["type"] for item in rest["deliveries"]] == ["run.started"]
    assert rest["nextCursor"] is None


def test_a_receiver_gets_the_events_of_its_filter(client: httpx.Client, receiver: Receiver) -> None:
    hook(client, receiver, "run.completed", "run.paused", workflowIds=["asking"])
    quick, asking = start(client), start(client, "asking")
    settled(client, quick), settled(client, asking)
    until(lambda: receiver.posts)
    time.sleep(0.2)
    assert [(post.type, post.data["runId"]) for post in receiver.posts] == [("run.paused", asking)]


def test_a_secret_is_shown_once_and_can_be_changed(
    client: httpx.Client, receiver: Receiver
) -> None:
    made = client.post("/api/webhooks", json={"url": receiver.address, "events": ["run.*"]}).json()
    assert made["secret"].startswith("whsec_")
    path = f"/api/webhooks/{made['id']}"
    assert "secret" not in client.get(path).json()
    assert made["secret"] not in client.get("/api/webhooks").text
    receiver.secret = made["secret"]
    assert client.post(f"{path}/test").json()["success"]
    receiver.secret = client.post(f"{path}/secret").json()["secret"]
    assert receiver.secret != made["secret"]
    assert client.post(f"{path}/test").json()["success"]
    assert [post.signed for post in receiver.posts] == [True, True]
    assert receiver.posts[0].type == "webhook.test"


def test_a_slow_update_does_not_undo_a_concurrent_one(
    shared: Server, client: httpx.Client, receiver: Receiver
) -> None:
    made = hook(client, receiver)
    path = f"/api/webhooks/{made['id']}"
    body = b'{"name": "renamed"}'
    head = f"PUT {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    for name in ("x-api-key", "x-tenant-id"):
        head += f"{name}: {client.headers[name]}\r\n"
    with connect(shared.port) as slow:
        slow.sendall(f"{head}content-type: application/json\r\n\r\n".encode() + body[:5])
        time.sleep(0.2)
        receiver.secret = client.post(f"{path}/secret").json()["secret"]
        client.post(f"{path}/disable")
        slow.sendall(body[5:])
        assert read(slow, 20).statuses == [200]
    shown = client.get(path).json()
    assert (shown["name"], shown["enabled"]) == ("renamed", False)
    assert client.post(f"{path}/test").json()["success"]
    assert receiver.posts[-1].signed


def test_no_secret_is_stored_as_plain_text(
    shared: Server, client: httpx.Client, receiver: Receiver
) -> None:
    made = hook(client, receiver)
    for file in shared.data.glob("journal.sqlite3*"):
        assert made["secret"].removeprefix("whsec_").encode() not in file.read_bytes()
    assert made["secret"] not in shared.log.read_text()


def test_a_failed_delivery_is_retried_with_the_same_id(
    client: httpx.Client, receiver: Receiver
) -> None:
    answers = iter([500, 503, 302, 200])
    receiver.judge = lambda _: next(answers, 200)
    hook(client, receiver, "run.*")
    start(client)
    until(lambda: len(receiver.received()) == 2)
    posts = receiver.posts
    assert [post.status for post in posts] == [500, 503, 302, 200, 200]
    assert len({post.id for post in posts[:4]}) == 1
    assert len({post.body for post in posts[:4]}) == 1
    assert [post.type for post in posts[3:]] == ["run.started", "run.completed"]


def test_a_failed_delivery_blocks_only_its_own_run(
    client: httpx.Client, receiver: Receiver
) -> None:
    bad = start(client, "asking")
    receiver.judge = lambda message: 500 if message["data"]["runId"] == bad else 200
    settled(client, bad)
    hook(client, receiver, "run.*", **{"from": "start"})
    good = start(client)
    until(
        lambda: (
            [post.type for post in receiver.received() if post.data["runId"] == good][-1:]
            == ["run.completed"]
        )
    )
    tried = {post.type for post in receiver.posts if post.data["runId"] == bad}
    assert tried == {"run.started"}


def test_a_delivery_is_given_up_after_a_limit_and_listed(
    client: httpx.Client, receiver: Receiver
) -> None:
    receiver.judge = lambda message: 404 if message["type"] == "run.started" else 200
    webhook = hook(client, receiver, "run.*")
    start(client)
    until(receiver.received)
    assert receiver.received()[0].type == "run.completed"
    assert len(receiver.posts) > 3
    path = f"/api/webhooks/{webhook['id']}"
    until(lambda: client.get(path).json()["pending"] == 0)
    assert client.get(path).json()["givenUp"] == 1
    (given_up,) = client.get(f"{path}/deliveries?status=givenUp").json()["deliveries"]
    assert given_up["type"] == "run.started"
    assert given_up["answer"] == 404
    assert given_up["attempts"] == len(receiver.posts) - 1


def test_a_redelivered_event_is_sent_before_the_ones_after_it(
    client: httpx.Client, receiver: Receiver
) -> None:
    receiver.judge = lambda message: 404 if message["type"] == "run.started" else 503
    webhook = hook(client, receiver, "run.*")
    start(client)
    path = f"/api/webhooks/{webhook['id']}"
    until(lambda: client.get(path).json()["givenUp"] >= 1)
    client.post(f"{path}/disable")

    def is_noted() -> bool:  # no delivery may be in flight when the receiver changes
        items = client.get(f"{path}/deliveries").json()["deliveries"]
        noted = sum(item["attempts"] for item in items if item["type"] == "run.completed")
        return bool(noted == sum(post.type == "run.completed" for post in receiver.posts))

    until(is_noted)
    listed = client.get(f"{path}/deliveries").json()["deliveries"]
    started = next(item for item in listed if item["type"] == "run.started")
    assert started["time"] <= started["firstAttempt"] <= started["lastAttempt"]
    again = client.post(f"{path}/deliveries/{started['position']}/redeliver").json()
    assert (again["status"], again["attempts"], again["answer"]) == ("pending", 0, 404)
    first_id = next(post.id for post in receiver.posts if post.type == "run.started")
    client.post(f"{path}/redeliver")
    receiver.judge = lambda _: 200
    client.post(f"{path}/enable")
    until(lambda: len(receiver.received()) == 2)
    assert [post.type for post in receiver.received()] == ["run.started", "run.completed"]
    assert receiver.received()[0].id == first_id
    until(lambda: client.get(path).json()["pending"] == 0)
    assert client.get(path).json()["givenUp"] == 0
    client.post(f"{path}/deliveries/{started['position']}/redeliver")
    until(lambda: len(receiver.received()) == 3)
    assert receiver.received()[2].id == first_id
    for unknown in ("0", "9" * 18, "9" * 30, "x", "-1"):
        assert client.post(f"{path}/deliveries/{unknown}/redeliver").status_code == 404


def test_both_secrets_sign_during_a_rotation(
    shared: Server, client: httpx.Client, receiver: Receiver
) -> None:
    webhook = hook(client, receiver)
    path, old = f"/api/webhooks/{webhook['id']}", receiver.secret

    def is_known(secret: str) -> bool:
        receiver.secret = secret
        assert client.post(f"{path}/test").json()["success"]
        return receiver.posts[-1].signed

    made = client.post(f"{path}/secret", json={"overlap": "1h"}).json()
    assert made["formerSecretUntil"] > made["updatedAt"]
    assert is_known(made["secret"])
    assert is_known(old)
    client.put(path, json={"name": "renamed"})
    assert is_known(old)
    for file in shared.data.glob("journal.sqlite3*"):
        assert old.removeprefix("whsec_").encode() not in file.read_bytes()
    short = client.post(f"{path}/secret", json={"overlap": "300ms"}).json()["secret"]
    assert not is_known(old)
    until(lambda: not is_known(made["secret"]))
    assert is_known(short)
    assert client.get(path).json()["formerSecretUntil"] is None
    refused = client.post(f"{path}/secret", json={"overlap": "31d"})
    assert (refused.status_code, refused.json()["message"]) == (400, "overlap: must be at most 30d")


def test_a_slow_receiver_counts_as_a_failure(client: httpx.Client, receiver: Receiver) -> None:
    receiver.judge = lambda _: time.sleep(2) or 200  # type: ignore[func-returns-value] # sleeps, then answers
    webhook = hook(client, receiver, "run.completed")
    start(client)
    path = f"/api/webhooks/{webhook['id']}/deliveries"
    until(
        lambda: (
            [item["error"] for item in client.get(path).json()["deliveries"]]
            == ["no answer from 127.0.0.1 within 0.5 seconds"]
        )
    )


def test_a_disabled_webhook_keeps_its_position(client: httpx.Client, receiver: Receiver) -> None:
    webhook = hook(client, receiver, "run.completed")
    path = f"/api/webhooks/{webhook['id']}"
    assert client.post(f"{path}/disable").json()["enabled"] is False
    run_id = start(client)
    settled(client, run_id, "completed")
    time.sleep(0.3)
    assert receiver.posts == []
    with Receiver() as other:
        other.secret = receiver.secret
        changed = client.put(path, json={"url": other.address, "name": "elsewhere"}).json()
        assert (changed["name"], changed["events"]) == ("elsewhere", ["run.completed"])
        assert client.post(f"{path}/enable").json()["enabled"] is True
        until(lambda: other.posts)
        assert other.posts[0].data["runId"] == run_id
        assert other.posts[0].signed


def test_a_webhook_whose_receiver_is_gone_is_disabled_and_loses_nothing(
    client: httpx.Client, receiver: Receiver
) -> None:
    receiver.judge = lambda _: 410
    path = f"/api/webhooks/{hook(client, receiver, 'run.completed')['id']}"
    start(client)
    until(lambda: client.get(path).json()["status"] == "disabled")
    (delivery,) = client.get(f"{path}/deliveries").json()["deliveries"]
    assert (delivery["status"], delivery["answer"]) == ("pending", 410)
    assert "so the webhook was disabled" in delivery["error"]
    receiver.judge = lambda _: 200
    assert client.post(f"{path}/enable").json()["enabled"]
    until(lambda: receiver.posts[-1].status == 200)
    assert len({post.id for post in receiver.posts}) == 1


def test_a_deleted_webhook_gets_no_events(client: httpx.Client, receiver: Receiver) -> None:
    webhook = hook(client, receiver)
    assert client.delete(f"/api/webhooks/{webhook['id']}").status_code == 200
    settled(client, start(client), "completed")
    time.sleep(0.2)
    assert receiver.posts == []
    assert client.get(f"/api/webhooks/{webhook['id']}").status_code == 404
    assert client.delete(f"/api/webhooks/{webhook['id']}").status_code == 404


@pytest.mark.parametrize(("change", "named"), [
    ({"url": "ftp://example.com"}, "url"), ({"url": "https://user:pw@example.com"}, "url"),
    ({"url": "nonsense"}, "url"), ({"url": "http://a:99999/"}, "url"), ({"url": "http://a/\n"}, "url"),
    ({"url": "http://a\\b/"}, "url"), ({"url": "http://a..b/"}, "url"), ({"url": "http://\u00e4_.example/"}, "url"), ({"events": []}, "events"), ({"events": ["run.begun"]}, "events"),
    ({"secret": "whsec_short"}, "secret"), ({"secret": "x" * 44}, "secret"), ({"form": 1}, "form"),
])  # fmt: skip
def test_an_invalid_webhook_is_refused(
    client: httpx.Client, change: dict[str, Any], named: str
) -> None:
    body = {"url": "https://example.com/hook", "events": ["run.*"], **change}
    answer = client.post("/api/webhooks", json=body)
    assert answer.status_code == 400
    assert named in answer.json()["details"][0]["path"]
    assert "whsec_short" not in answer.text


def test_a_name_of_blanks_is_none(client: httpx.Client) -> None:
    body = {"url": "http://127.0.0.1:1/", "events": ["*"], "name": " \t"}
    assert client.post("/api/webhooks", json=body).json()["name"] == ""
    for path in ("/api/keys", "/api/jwt-secrets"):
        made = client.post(path, json={"name": " the shop ", "role": "viewer"}).json()
        assert made["name"] == "the shop"


def test_a_webhook_url_may_have_an_international_name(client: httpx.Client) -> None:
    body = {"url": "https://stra\u00dfe.example/", "events": ["run.*"]}
    assert client.post("/api/webhooks", json=body).status_code == 201


def test_webhooks_are_for_admins_of_their_tenant(
    shared: Server, client: httpx.Client, receiver: Receiver
) -> None:
    webhook = hook(client, receiver)
    path = f"/api/webhooks/{webhook['id']}"
    with shared.client("editor") as editor, shared.client("admin") as admin:
        assert editor.get("/api/webhooks").status_code == 403
        assert admin.get(path).status_code == 200
    with shared.client("owner", "rival") as rival:
        assert rival.get("/api/webhooks").json() == []
        for method, at in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/test"),
                           ("POST", "/secret"), ("POST", "/disable"), ("GET", "/deliveries"),
                           ("POST", "/redeliver"), ("POST", "/deliveries/1/redeliver")):  # fmt: skip
            body = {"name": "mine"} if method == "PUT" else None
            assert rival.request(method, path + at, json=body).status_code == 404
    assert receiver.posts == []


def test_private_addresses_are_not_reached(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> None:
    folder = tmp_path_factory.mktemp("guarded")
    with (
        Server(folder / "data", PLUGIN, STEPWELL_ALLOWED_NETWORKS="") as server,
        server.client() as client,
    ):
        webhook = hook(client, receiver)
        outcome = client.post(f"/api/webhooks/{webhook['id']}/test").json()
    assert outcome["success"] is False
    assert "not a public address" in outcome["error"]
    assert receiver.posts == []
