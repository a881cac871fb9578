"""Journeys of a person by role, each with a limit on presses and on requests or changes."""

import re
from typing import Any

import httpx
from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.console.conftest import METRICS_TOKEN
from tests.console.test_inbox import PHONE
from tests.harness.echo import Echo
from tests.harness.receiver import Receiver
from tests.harness.server import Server, settled

FLOW = """{
  "name": "Parcel",
  "title": "Parcel {{ data.number }}",
  "payload": {"number": {"type": "string"}},
  "initialStep": "label",
  "steps": [
    {"id": "label", "type": "set", "name": "Print the label", "values": {"label": "L-{{ data.number }}"}},
    {"id": "hand-over", "type": "call-api", "name": "Hand it over", "method": "POST", "url": "ADDRESS/404",
     "body": {"label": "{{ data.label }}"}},
    {"id": "end", "type": "end-flow", "result": {"label": "{{ data.label }}"}}
  ],
  "edges": [{"from": "label", "to": "hand-over"}, {"from": "hand-over", "to": "end"}]
}"""


class Counted:
    """Counts the presses of a person."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.presses = 0

    def press(self, label: str) -> None:
        self.presses += 1
        self.person.presses(label)

    def press_at(self, selector: str) -> None:
        self.presses += 1

        def click() -> bool:
            driver = self.person.driver
            item = driver.find_element(By.CSS_SELECTOR, selector)
            driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", item)
            item.click()
            return True

        self.person.waits(click)


CHARGE: dict[str, Any] = {
    "id": "order", "name": "Order", "title": "Order {{ data.number }}", "initialStep": "charge",
    "payload": {"number": {"type": "integer"}},
    "steps": [
        {"id": "charge", "type": "call-api", "method": "POST", "url": "{{ vars.BANK }}"},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "charge", "to": "end"}],
}  # fmt: skip
SUPPLIER: dict[str, Any] = {
    "id": "supplier", "name": "Supplier", "title": "Pay {{ data.who }}", "initialStep": "ask",
    "payload": {"who": {"type": "string"}},
    "steps": [
        {"id": "ask", "type": "request-user-action", "message": "Pay {{ data.who }} 1,200 EUR?",
         "actions": [{"value": "approved", "label": "Pay"}, {"value": "rejected", "label": "Refuse",
                      "fields": {"reason": {"type": "string"}}}]},
        {"id": "end", "type": "end-flow", "result": {"decision": "{{ steps.ask.output }}"}},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip
_COUNT = re.compile(r"^stepwell_requests_total{.*} (\d+)", re.MULTILINE)


def requests_to(server: Server) -> int:
    """Return how many requests the server has answered."""
    shown = httpx.get(
        f"{server.address}/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"}
    )
    return sum(map(int, _COUNT.findall(shown.text)))


def within(
    server: Server, role: str, hand: Counted, before: int, *, presses: int, requests: int
) -> None:
    """Check the presses of a journey and its requests to the server against their limits."""
    asked = requests_to(server) - before
    print(f"{role}: {hand.presses} presses, {asked} requests")
    assert hand.presses <= presses
    assert asked <= requests


def changes(client: httpx.Client) -> list[str]:
    """Return the changes in the audit log of the tenant."""
    entries = client.get("/api/audit", params={"limit": 100}).json()["entries"]
    return [entry["action"] for entry in entries]


def test_a_developer_writes_publishes_reads_a_failure_and_repairs_it(
    console: Server, person: Person
) -> None:
    tenant = "developer"
    with Echo() as echo, console.client("owner", tenant) as client:
        person.signs_in(tenant, console.key("editor", tenant), "/workflows/new")
        hand, before = Counted(person), requests_to(console)
        text = FLOW.replace("ADDRESS", echo.address)
        person.writes("text", text.replace('"call-api"', '"call-apy"'))
        person.sees("did you mean call-api?")
        person.writes("text", text)
        person.sees("No problems")
        hand.press("Create")
        hand.press("Publish")
        person.sees("Version 1.0.0 is published.")
        hand.press("Start")
        person.fills("Number", "7")
        hand.press_at("#start button.main")
        person.sees("HttpStatus in step hand-over")
        meaning = person.driver.find_element(By.LINK_TEXT, "What this error means")
        assert str(meaning.get_attribute("href")).endswith("/guide/docs/steps/call-api/#errors")
        assert '"label": "L-7"' in person.driver.find_element(By.ID, "inspector").text
        failed = person.driver.current_url
        hand.press("Parcel 1.0.0")
        hand.press("Edit")
        person.writes("text", text.replace("/404", "/200"))
        person.sees("No problems")
        hand.press("Save")
        hand.press("Publish")
        person.sees("Version 1.0.1 is published.")
        hand.press("Parcel 7")
        assert person.driver.current_url == failed
        hand.press("Run again from a step…")
        person.fills("Version", "1.0.1")
        person.sees("Different in 1.0.1: hand-over (changed)")
        hand.press_at("#rerun button.main")
        person.waits(lambda: person.driver.find_elements(By.CSS_SELECTOR, "#facts .is-completed"))
        person.sees("Done before, by an earlier run")
        assert len(echo.seen) == 2
        done = settled(client, person.driver.current_url.rpartition("/")[2].partition("?")[0])
        assert done["result"] == {"label": "L-7"}
        assert len(changes(client)) <= 7
    within(console, "developer", hand, before, presses=11, requests=38)
    assert person.errors() == []


def mend(hand: Counted, state: dict[str, int]) -> None:
    """Find the failing webhook on the overview, and send the waiting deliveries."""
    person = hand.person

    def sees_it() -> bool:
        person.opens("/overview")
        return "Ledger" in person.text

    person.waits(sees_it)
    hand.press("Ledger")
    person.sees("failing")
    state["status"] = 200
    hand.press("Send now")
    person.sees("delivered")


def test_an_admin_invites_a_person_reads_the_audit_log_and_repairs_a_webhook(
    console: Server, person: Person
) -> None:
    tenant = "administration"
    state = {"status": 500}
    with (
        Receiver(lambda _: state["status"]) as receiver,
        console.client("owner", tenant) as client,
    ):
        hook = {"url": receiver.address, "name": "Ledger", "events": ["run.*"]}
        client.post("/api/webhooks", json=hook).raise_for_status()
        quick = {"id": "q", "name": "Q", "initialStep": "e", "steps": [{"id": "e", "type": "end-flow"}]}  # fmt: skip
        client.post("/api/workflows", json=quick).raise_for_status()
        person.signs_in(tenant, console.key("admin", tenant), "/settings")
        hand, before = Counted(person), requests_to(console)
        person.fills("Name", "ada")
        person.fills("Groups", "finance")
        hand.press("Invite")
        link = person.waits(lambda: person.driver.find_element(By.ID, "revealed")).text
        with httpx.Client(base_url=console.address) as ada:
            word = {"password": "correct horse battery", "again": "correct horse battery"}
            assert ada.post(httpx.URL(link).path, data=word).status_code == 303
            assert ada.get("/workflows/new").status_code == 403
            hand.press("Close")
            person.fills("Role of ada", "editor")
            person.sees("ada has another role.")
            assert ada.get("/workflows/new").status_code == 200
            hand.press("Sessions")
            hand.press_at("tr:has(td:first-child) form[data-confirm*=ada] button")
            hand.press_at("dialog[open] button[value=yes]")
            person.waits(lambda: not person.driver.find_elements(By.CSS_SELECTOR, "form[data-confirm*=ada]"))  # fmt: skip
            assert ada.get("/workflows").status_code == 303
        hand.press("API keys")
        person.fills("Name", "nightly export")
        hand.press("Make a key")
        person.waits(lambda: person.driver.find_element(By.ID, "revealed"))
        hand.press("Close")
        hand.press("Budgets")
        person.writes("month", "50")
        hand.press("Set")
        person.sees("all workflows together")
        client.post("/api/workflow/start/q", json={"data": {}}).raise_for_status()
        mend(hand, state)
        hand.press("Settings")
        hand.press("Audit log")
        listed = person.driver.find_element(By.CSS_SELECTOR, "tbody").text
        actions = ("createPerson", "updatePerson", "endSession", "createKey", "putBudget")
        assert [action for action in actions if action not in listed] == []
        links = person.driver.find_elements(By.CSS_SELECTOR, "[data-label=Target] a")
        pages = {link.text: link.get_dom_attribute("href") for link in links}
        assert pages["/api/workflows"] == "/workflows/q", "the page of what was created"
        assert pages["/api/budgets"] == "/settings/budgets", "the list of what has no page"
        assert len(changes(client)) <= 13
    within(console, "admin", hand, before, presses=14, requests=45)
    assert person.errors() == []


def test_an_approver_on_a_phone_pays_one_and_refuses_the_other(
    console: Server, person: Person
) -> None:
    tenant = "approver"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=SUPPLIER).raise_for_status()
        runs = [
            client.post("/api/workflow/start/supplier", json={"data": {"who": who}}).json()["runId"]
            for who in ("Globex", "Initech")
        ]
        person.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        try:
            person.signs_in(tenant, console.key("operator", tenant))
            hand, before = Counted(person), requests_to(console)
            person.sees("Pay Initech 1,200 EUR?")
            at = person.driver.find_element(By.CSS_SELECTOR, "button[value=approved]").rect
            assert at["y"] + at["height"] < PHONE["height"] - 60, "in sight without scrolling"
            assert at["height"] >= 40
            hand.press("Pay")
            person.waits(lambda: person.driver.find_elements(By.CSS_SELECTOR, "[data-ending]"))
            hand.press_at("details[data-asks=rejected] > summary")
            person.fills("Reason", "sent twice")
            hand.press_at("button[value=rejected]")
            person.sees("Nobody is waiting for you")
        finally:
            person.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        ends = [settled(client, run, "completed")["result"]["decision"] for run in runs]
        assert [one["actionValue"] for one in ends] == ["rejected", "approved"]
        assert "sent twice" in str(ends[0])
    within(console, "approver", hand, before, presses=3, requests=12)
    assert person.errors() == []


def test_an_operations_lead_sees_what_an_outage_has_broken_and_runs_it_again(
    console: Server, person: Person
) -> None:
    tenant = "operations"
    with Echo() as echo, console.client("owner", tenant) as client:
        client.put("/api/variables/BANK", json={"value": "http://127.0.0.1:9"}).raise_for_status()
        client.post("/api/workflows", json=CHARGE).raise_for_status()
        other = {**CHARGE, "id": "other", "name": "Other", "steps": [
            {"id": "end", "type": "end-flow", "status": "failed", "message": "no such card"}], "edges": [], "initialStep": "end"}  # fmt: skip
        client.post("/api/workflows", json=other).raise_for_status()
        runs = [
            client.post(f"/api/workflow/start/{name}", json={"data": {"number": number}}).json()["runId"]
            for number, name in enumerate(("order", "other", "order", "order"), 1)
        ]  # fmt: skip
        client.put("/api/variables/BANK", json={"value": echo.address}).raise_for_status()
        person.signs_in(tenant, console.key("operator", tenant), "/overview")
        hand, before = Counted(person), requests_to(console)
        hand.press_at(".figures a[href*='status=failed']")
        person.sees("no such card")
        cells = [item.text for item in person.driver.find_elements(By.CSS_SELECTOR, "td.why")]
        assert cells[2].startswith("end no such card")
        assert [cell.startswith("charge ") and cell.endswith("Connection refused") for cell in cells] == [True, True, False, True]  # fmt: skip
        hand.press_at("td.why a")
        person.waits(lambda: "no such card" not in person.text)
        assert len(person.driver.find_elements(By.CSS_SELECTOR, "td.why")) == 3
        hand.press("Run again…")
        person.sees("3 runs match the filter")
        person.fills("Type", "3")
        hand.press("Run again: 3 runs")
        person.sees("3 runs were")
        person.waits(lambda: len(echo.seen) == 3)
        assert client.get(f"/api/workflow/status/{runs[1]}").json()["status"] == "failed"
    within(console, "operations lead", hand, before, presses=4, requests=14)
    assert person.errors() == []
