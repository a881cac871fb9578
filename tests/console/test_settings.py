"""Webhooks, triggers, retention and health in the console, and the roles that may see them."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.console.browser import Person
from tests.console.conftest import PLUGIN
from tests.console.test_access import sign_in
from tests.harness.receiver import Receiver
from tests.harness.server import Server

QUICK = {"id": "quick", "name": "Quick", "initialStep": "end", "steps": [{"id": "end", "type": "end-flow"}]}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that gives up deliveries early and keeps failed runs for a limited time."""
    with Server(
        tmp_path_factory.mktemp("settings") / "data",
        PLUGIN,
        STEPWELL_WEBHOOK_RETRY_FIRST="0.05",
        STEPWELL_WEBHOOK_RETRY_LONGEST="0.2",
        STEPWELL_WEBHOOK_GIVE_UP="0.2",
        STEPWELL_RETENTION="failed=90d",
        STEPWELL_RETENTION_KEEP="completed=7",
        STEPWELL_HOUSEKEEPING_INTERVAL="3600",
    ) as running:
        with running.client() as client:
            client.post("/api/workflows", json=QUICK).raise_for_status()
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def admin(server: Server, person: Person) -> Person:
    person.address = server.address
    person.signs_in("acme", server.key("admin"))
    return person


def test_failed_deliveries_are_shown_and_sent_again(
    server: Server, admin: Person, receiver: Receiver
) -> None:
    receiver.judge = lambda _: 503
    admin.opens("/settings/webhooks")
    admin.fills("Name", "Billing")
    admin.fills("Address", receiver.address)
    admin.fills("Events", "run.*")
    admin.presses("Create")
    admin.sees("Keep it now: it is not shown again.")
    receiver.secret = admin.driver.find_element("id", "revealed").text
    admin.presses("Close")
    admin.presses("Billing")
    admin.sees("Nothing has been delivered yet")
    admin.presses("Send a test")
    admin.sees("Not received: the answer was 503.")
    with server.client("operator") as client:
        client.post("/api/workflow/start/quick", json={"data": {}}).raise_for_status()
    admin.sees("2 failed for good.", within=30)
    admin.sees("the answer was 503")
    admin.waits(lambda: admin.driver.find_element("id", "status").text == "failing")
    receiver.judge = lambda _: 200
    admin.presses("Send all again")
    admin.sees("They take their places among the events of their runs.")
    admin.confirms()
    admin.sees("They are sent again, in order.")
    admin.waits(lambda: len(receiver.received()) == 2)
    assert [post.type for post in receiver.received()] == ["run.started", "run.completed"]
    assert all(post.signed for post in receiver.received())
    admin.waits(lambda: admin.text.count("delivered") >= 2 and "for good." not in admin.text)
    admin.waits(lambda: admin.driver.find_element("id", "status").text == "active")
    admin.presses("Send a test")
    admin.sees("Received: the answer was 200")
    assert admin.errors() == []


def test_a_webhook_is_disabled_enabled_and_gets_a_new_secret(
    server: Server, admin: Person, receiver: Receiver
) -> None:
    body = {"url": receiver.address, "events": ["run.completed"], "secret": receiver.secret}
    with server.client() as client:
        webhook = client.post("/api/webhooks", json=body).json()["id"]
    admin.opens(f"/settings/webhooks/{webhook}")
    admin.presses("Disable")
    admin.sees("The webhook is disabled. It keeps its place")
    with server.client("operator") as client:
        client.post("/api/workflow/start/quick", json={"data": {}}).raise_for_status()
    admin.opens(f"/settings/webhooks/{webhook}")
    admin.presses("Enable")
    admin.sees("The webhook is active. It continues where it stopped.")
    admin.waits(receiver.received)
    admin.presses("New secret…")
    admin.presses("Make the secret")
    admin.sees("Keep it now: it is not shown again.")
    new = admin.driver.find_element("id", "revealed").text
    admin.presses("Close")
    admin.sees("The one before it signs too until")
    for secret in (new, receiver.secret):
        receiver.secret = secret
        admin.presses("Send a test")
        admin.sees("Received: the answer was 200")
        admin.driver.execute_script("document.getElementById('tested').textContent = ''")
        assert receiver.posts[-1].signed
    admin.presses("Change…")
    admin.fills("Only these workflows", "quick, other")
    admin.fills("Name", "Books")
    admin.presses("Change")
    admin.sees("only quick, other")
    admin.presses("Change…")
    admin.fills("Only these workflows", "")
    admin.presses("Change")
    admin.waits(lambda: "Books" in admin.text and "only quick" not in admin.text)
    admin.presses("Delete…")
    admin.presses("Delete")
    admin.waits(lambda: admin.driver.current_url.endswith("/settings/webhooks"))
    assert "Books" not in admin.text


def test_retention_shows_what_is_kept_and_what_is_deleted(server: Server) -> None:
    with server.client() as client, httpx.Client(base_url=server.address) as browser:
        for _ in range(9):
            client.post("/api/workflow/start/quick", json={"data": {}}).raise_for_status()
        ended = len(client.get("/api/workflow/runs?status=completed&limit=500").json()["runs"])
        sign_in(browser, "acme", server.key("viewer"))
        rows = re.findall(
            r"<tr><th scope=\"row\">(.*?)</tr>", browser.get("/settings/retention").text
        )
        shown = {row.partition("<")[0]: re.sub(r"<[^>]*>", " ", row).split() for row in rows}
        assert shown["Completed"] == [
            "Completed",
            "for",
            "good",
            "7",
            str(ended),
            "completed",
            str(ended - 7),
        ]
        assert shown["Failed"] == ["Failed", "90d", "no", "limit", "0", "failed", "0"]


def test_health_shows_the_main_figures(server: Server) -> None:
    with httpx.Client(base_url=server.address) as browser:
        sign_in(browser, "acme", server.key("viewer"))
        text = browser.get("/settings/health").text
        for label in (
            "Journal",
            "WAL size",
            "A transaction takes",
            "Oldest timer that waits",
            "Runs completed",
        ):
            assert label in text
        assert re.search(r"[\d.]+ ms on average, flush included; 99 of 100 at most [\d.]+ ms", text)


def test_settings_are_shown_to_the_roles_that_may_see_them(
    server: Server, receiver: Receiver
) -> None:
    with server.client() as client:
        webhook = client.post(
            "/api/webhooks", json={"url": receiver.address, "events": ["run.*"]}
        ).json()["id"]
    mine = f"/settings/webhooks/{webhook}"
    for role, tenant, status in (
        ("viewer", "acme", 403), ("operator", "acme", 403), ("editor", "acme", 403),
        ("admin", "acme", 200), ("owner", "other", 404),
    ):  # fmt: skip
        with httpx.Client(base_url=server.address) as browser:
            sign_in(browser, tenant, server.key(role, tenant))
            assert browser.get(mine).status_code == status
            tabs = browser.get("/settings/models").text
            assert ("/settings/webhooks" in tabs) == (role in ("admin", "owner"))
            assert browser.get("/settings/retention").status_code == 200
            for path in (
                f"/api/webhooks/{webhook}/redeliver",
                f"/api/webhooks/{webhook}/deliveries/1/redeliver",
            ):
                assert browser.post(path).status_code == 401


def test_empty_lists_say_what_to_do_next(server: Server) -> None:
    with httpx.Client(base_url=server.address) as browser:
        sign_in(browser, "empty", server.key("owner", "empty"))
        for part in ("tokens", "secrets", "models", "webhooks"):
            text = browser.get(f"/settings/{part}").text
            said = re.search(r'<p class="quiet">None yet\.(.*?)</p>', text)
            assert said, part
            assert len(said[1]) > 30, part
        assert "mcp_servers" in browser.get("/settings/tools").text


def test_a_trigger_is_created_inspected_and_fired_again(server: Server, admin: Person) -> None:
    admin.opens("/settings/triggers")
    admin.driver.find_element("css selector", "#new-trigger > summary").click()
    form = "form[data-api='PUT /api/triggers/{id}']"
    for field, text in (("id", "pushes"), ("workflowId", "quick"), ("when", "request.body.n > 1")):
        admin.driver.find_element("css selector", f"{form} #{field}").send_keys(text)
    admin.driver.execute_script("document.getElementById('preset').value = 'none'")
    admin.driver.find_element("css selector", f"{form} button").click()
    admin.sees("Anybody who knows the address can start runs")
    url = admin.driver.find_element("id", "address").text
    assert [httpx.post(url, json={"n": n}).status_code for n in (1, 2)] == [202, 202]
    admin.opens("/settings/triggers/pushes")
    admin.sees("its condition is false")
    admin.driver.find_element("css selector", "#firings form button").click()
    admin.sees(" again")
    with server.client() as client:
        found = client.get("/api/triggers/pushes/firings").json()["firings"]
    assert [item["outcome"] for item in found] == ["started", "started", "skipped"]
    admin.driver.find_element("css selector", "#firings td a[href*='/firings/']").click()
    admin.sees('{"n":2}')
    admin.opens("/settings/triggers/pushes")
    admin.presses("Change…")
    text = admin.driver.find_element("id", "definition").get_attribute("value") or ""
    admin.writes("definition", text.replace("n > 1", "n > 5"))
    admin.presses("Change")
    admin.sees("The trigger is changed.")
    with server.client() as client:
        changed = client.get("/api/triggers/pushes").json()
    assert (changed["when"], changed["url"]) == ("request.body.n > 5", url)


def test_a_schedule_and_the_groups_of_a_person_are_changed(server: Server, admin: Person) -> None:
    nightly: dict[str, Any] = {"workflowId": "quick", "cron": "0 2 * * *", "timeZone": "UTC"}
    nightly |= {"jitter": "5m", "enabled": False}
    with server.client() as client:
        client.put("/api/schedules/nightly", json=nightly).raise_for_status()
        eve = {"name": "eve", "role": "viewer", "groups": ["ops"]}
        client.post("/api/people", json=eve).raise_for_status()
        admin.opens("/settings/schedules/nightly")
        admin.presses("Change…")
        admin.fills("Cron", "6 o'clock")
        admin.presses("Change")
        wrong = """
            const field = document.querySelector(`[data-field=${arguments[0]}]`);
            const { id, hidden } = field.querySelector(".wrong");
            return hidden ? "" : [id, field.querySelector("input").getAttribute("aria-describedby")];
        """
        told = admin.waits(lambda: admin.driver.execute_script(wrong, "cron"))
        assert told == ["cron-wrong", "cron-hint cron-wrong"], "read out with its field"
        admin.fills("Cron", "0 6 * * *")
        admin.fills("Time zone", "Mars/Base")
        admin.presses("Change")
        admin.waits(lambda: admin.driver.execute_script(wrong, "timeZone"))
        assert not admin.driver.execute_script(wrong, "cron"), "it is right now"
        admin.fills("Time zone", "UTC")
        admin.presses("Change")
        admin.sees("The schedule is changed.")
        kept = client.get("/api/schedules/nightly").json()
        assert kept == kept | nightly | {"cron": "0 6 * * *"}
        admin.opens("/settings/people")
        admin.presses("ops")
        admin.fills("Groups with commas", "ops, claims")
        admin.presses("Change")
        admin.sees("The groups of eve are changed.")
        people = {one["name"]: one["groups"] for one in client.get("/api/people").json()}
        assert people["eve"] == ["claims", "ops"]
