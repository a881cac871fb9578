"""Questions that change while they are open, and decisions that do not reach the server."""

import time
from typing import Any

import httpx
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.console.browser import Person
from tests.console.test_inbox import PAY
from tests.console.test_links import link
from tests.harness.server import Server, settled
from tests.harness.unreliable_proxy import UnreliableProxy

TWO: dict[str, Any] = {
    **PAY, "id": "two",
    "steps": [{**PAY["steps"][0], "required": 2, "veto": ["rejected"]}, PAY["steps"][1]],
}  # fmt: skip
CHECK: dict[str, Any] = {
    "id": "check", "name": "Check", "initialStep": "ask",
    "payload": {"amount": {"type": "number"}, "note": {"type": "string"}},
    "steps": [
        {"id": "ask", "type": "collect-inputs", "ask": "always", "output": {
            "amount": {"type": "number"}, "note": {"type": "string", "required": False}}},
        {"id": "end", "type": "end-flow", "result": {"amount": "{{ data.amount }}", "note": "{{ data.note }}"}},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip
_PAGES_ASKED = """
    return performance.getEntriesByType("resource").filter((one) => new URL(one.name).pathname === "/inbox").length;
"""
"""How often the page has been requested again."""

_SEND_NOW = """
    Object.defineProperty(document, "hidden", {value: true, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
    delete document.hidden;
"""
"""Sends what is held for an undo without waiting."""


def start(client: httpx.Client, workflow: str, **data: Any) -> str:
    started = client.post(f"/api/workflow/start/{workflow}", json={"data": data})
    return str(started.json()["runId"])


def card(person: Person, about: str) -> WebElement:
    found: WebElement = person.waits(
        lambda: person.driver.find_element(By.CSS_SELECTOR, f"[data-about='Payment to {about}']")
    )
    person.driver.execute_script("arguments[0].scrollIntoView()", found)
    return found


def comments_on(person: Person, about: str, text: str) -> None:
    asked = card(person, about)
    asked.find_element(By.CSS_SELECTOR, "details[id$=-more] > summary").click()
    asked.find_element(By.NAME, "comment").send_keys(text)


def test_who_has_claimed_or_answered_is_renewed_and_what_is_written_stays(
    console: Server, person: Person
) -> None:
    tenant = "standing"
    with console.client("owner", tenant) as client:
        for document in (PAY, TWO):
            client.post("/api/workflows", json=document).raise_for_status()
        ann, _, both = start(client, "pay", who="Ann"), start(client, "pay", who="Bob"), start(client, "two", who="Cid")  # fmt: skip
        person.signs_in(tenant, console.key("operator", tenant))
        comments_on(person, "Ann", "typed before")
        card(person, "Bob").find_element(By.CSS_SELECTOR, ".hands button").click()
        person.waits(lambda: "Claimed by you" in card(person, "Bob").text)
        client.post(f"/api/workflow/claim/{ann}", json={}).raise_for_status()
        person.waits(lambda: "Claimed by key" in card(person, "Ann").text)
        typed = card(person, "Ann").find_element(By.NAME, "comment")
        assert typed.get_attribute("value") == "typed before"
        card(person, "Cid").find_element(By.CSS_SELECTOR, "[value=approved]").click()
        person.waits(lambda: "1 answered" in card(person, "Cid").text)
        assert "You have answered this question" in card(person, "Cid").text
        assert "Share a link" not in card(person, "Cid").text
        assert typed.get_attribute("value") == "typed before"
        assert person.errors() == []
        for page in ("/inbox", f"/runs/{both}"):
            person.opens(page)
            person.sees("1 answered; goes on when 2 agree, or with one Reject")


def test_a_decision_that_is_not_sent_is_reported_wherever_its_maker_is(
    console: Server, person: Person
) -> None:
    tenant = "unsent"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        runs = [start(client, "pay", who=who) for who in ("Ann", "Bob")]
        with UnreliableProxy(console.address) as line:
            person.address = line.address
            person.signs_in(tenant, console.key("operator", tenant))
            card(person, "Ann")
            body = person.driver.find_element(By.TAG_NAME, "body")
            body.send_keys("j")
            line.cut()
            body.send_keys("a")
            person.driver.execute_script(_SEND_NOW)
            person.sees("Not sent: Payment to Bob.")
            line.mend()
            assert "not sent" in person.driver.find_element(By.ID, "inbox-index").text
            person.driver.delete_all_cookies()
            person.presses("Show")
            body.send_keys("a")
            person.driver.execute_script(_SEND_NOW)
            person.waits(lambda: "/sign-in" in person.driver.current_url)
            person.signs_in(tenant, console.key("operator", tenant))
            person.sees("Not sent: Approve: Payment to Bob. Decide again.")
        assert [settled(client, run)["status"] for run in runs] == ["paused", "paused"]
    person.errors()


def test_a_value_that_is_removed_from_a_form_is_removed(console: Server, person: Person) -> None:
    tenant = "removed"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=CHECK).raise_for_status()
        runs = [start(client, "check", amount=20, note="call first") for _ in range(2)]
        page = httpx.get(link(client, runs[0])).text
        assert 'name="data.amount" type="number" value="20" step="any" required>' in page
        sent = {"data.amount": "20", "data.note": ""}
        assert httpx.post(link(client, runs[0]), data=sent).status_code == 200
        person.signs_in(tenant, console.key("operator", tenant))
        person.field("Note").clear()
        person.presses("Send the answer")
        for run in runs:
            assert settled(client, run, "completed")["result"] == {"amount": 20, "note": None}


def test_an_inbox_asks_for_its_page_only_after_events_of_questions_that_its_reader_sees(
    console: Server, person: Person
) -> None:
    tenant = "calm"
    quick = {"id": "q", "name": "Q", "initialStep": "e", "steps": [{"id": "e", "type": "end-flow"}]}
    others = {**PAY, "id": "others", "steps": [{**PAY["steps"][0], "assignees": ["ada"]}, PAY["steps"][1]]}  # fmt: skip
    with console.client("owner", tenant) as client:
        for document in (quick, others, PAY):
            client.post("/api/workflows", json=document).raise_for_status()
        person.signs_in(tenant, console.key("operator", tenant))
        person.sees("Nobody is waiting for you")
        person.waits(lambda: person.driver.execute_script(_PAGES_ASKED) == 1)  # the stream began
        for _ in range(5):
            start(client, "q")
            start(client, "others", who="Bob")
        time.sleep(1.3)  # what would be asked for would be asked for by now
        assert person.driver.execute_script(_PAGES_ASKED) == 1
        start(client, "pay", who="Ann")
        person.sees("Pay Ann?")
        assert person.driver.execute_script(_PAGES_ASKED) == 2, "one for what concerns its reader"
        began = time.monotonic()
        for number in range(16):
            start(client, "pay", who=f"No. {number}")
            time.sleep(0.1)
        person.sees("16 new")
        most = 2 + 2 + int(time.monotonic() - began)
        assert person.driver.execute_script(_PAGES_ASKED) <= most, "one a second"
