"""One gesture is one decision: double presses, moving content, lost answers, slow connections."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.console.browser import Person
from tests.harness.server import Server, settled
from tests.harness.unreliable_proxy import UnreliableProxy

PAY = {
    "id": "pay", "name": "Pay", "initialStep": "ask", "payload": {"who": {"type": "string"}},
    "steps": [
        {"id": "ask", "type": "request-user-action", "message": "Pay {{ data.who }}?",
         "actions": [{"value": "paid", "label": "Pay"}, {"value": "refused", "label": "Reject"}]},
        {"id": "end", "type": "end-flow", "result": {"decision": "{{ steps.ask.output.actionValue }}"}},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip
STAGES = {
    "id": "stages", "name": "Stages", "initialStep": "first",
    "steps": [
        {"id": "first", "type": "request-user-action", "message": "The first?",
         "actions": [{"value": "yes", "label": "Yes"}]},
        {"id": "second", "type": "request-user-action", "message": "The second?",
         "actions": [{"value": "yes", "label": "Yes"}]},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "first", "to": "second"}, {"from": "second", "to": "end"}],
}  # fmt: skip
CONFIRM_AT = """
    const opener = arguments[0].getBoundingClientRect(), dialog = document.getElementById("archive");
    dialog.showModal();
    Object.assign(dialog.style, {margin: 0, left: 0, top: 0});
    const confirm = dialog.querySelector(".danger").getBoundingClientRect();
    Object.assign(dialog.style, {left: `${opener.x - confirm.x}px`, top: `${opener.y - confirm.y}px`});
    dialog.close();
"""
"""Places the dialog so that its button covers the button that opened it."""
SLOW_LINE = {"offline": False, "latency": 150, "downloadThroughput": -1, "uploadThroughput": -1}
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_").replace("_", "-")[:40]


@pytest.fixture
def client(console: Server, tenant: str) -> Iterator[httpx.Client]:
    with console.client("owner", tenant) as client:
        for flow in (PAY, STAGES):
            client.post("/api/workflows", json=flow).raise_for_status()
        yield client


def begin(client: httpx.Client, flow: str, **data: str) -> str:
    run = str(client.post(f"/api/workflow/start/{flow}", json={"data": data}).json()["runId"])
    settled(client, run, "paused")
    return run


def paid(client: httpx.Client, run: str, value: str = "paid") -> httpx.Response:
    answer = {"type": "request_user_action", "actionId": "ask", "actionValue": value}
    return client.post(f"/api/workflow/resume/{run}", json=answer)


def status(client: httpx.Client, run: str) -> str:
    return str(client.get(f"/api/workflow/status/{run}").json()["status"])


def card(person: Person, message: str) -> WebElement:
    def look() -> WebElement | None:
        cards = person.driver.find_elements(By.CSS_SELECTOR, ".ask")
        return next((item for item in cards if message in item.text), None)

    found = person.waits(look)
    assert isinstance(found, WebElement)
    return found


def button(person: Person, message: str, label: str) -> WebElement:
    buttons = card(person, message).find_elements(By.TAG_NAME, "button")
    found = next(item for item in buttons if item.text == label)
    person.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
    return found


def is_over(person: Person, message: str) -> Callable[[], bool]:
    return lambda: card(person, message).get_attribute("data-over") == "yes"


def taps(person: Person, on: WebElement, times: int, gap_s: float = 0.1) -> None:
    """Press the same place repeatedly, whatever appears there."""
    chain = ActionChains(person.driver, duration=0).move_to_element(on).click()
    for _ in range(times - 1):
        chain = chain.pause(gap_s).click()
    chain.perform()


def test_a_second_tap_answers_no_other_card(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    runs = {who: begin(client, "pay", who=who) for who in ("Alice", "Bob", "Carol")}
    person.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        person.signs_in(tenant, console.key("operator", tenant))
        taps(person, button(person, "Pay Carol?", "Pay"), 8)
        person.waits(is_over(person, "Pay Carol?"))
        assert settled(client, runs["Carol"])["result"] == {"decision": "paid"}
        decided = card(person, "Pay Carol?")
        assert decided.find_elements(By.TAG_NAME, "button") == []
        assert decided.find_element(By.CSS_SELECTOR, "[data-ending]").text.startswith("Pay\nby key")
        order = [
            item.text for item in person.driver.find_elements(By.CSS_SELECTOR, ".ask .message")
        ]
        assert order == ["Pay Carol?", "Pay Bob?", "Pay Alice?"]
        assert [status(client, runs[who]) for who in ("Alice", "Bob")] == ["paused", "paused"]
        button(person, "Pay Bob?", "Reject").click()
        person.waits(is_over(person, "Pay Bob?"))
        assert settled(client, runs["Bob"])["result"] == {"decision": "refused"}
    finally:
        person.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_second_tap_answers_no_later_stage(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    run = begin(client, "stages")
    person.signs_in(tenant, console.key("operator", tenant), f"/runs/{run}")
    taps(person, button(person, "The first?", "Yes"), 7)
    person.waits(is_over(person, "The first?"))
    assert "The second?" in card(person, "The second?").text
    assert settled(client, run, "paused")["currentStepId"] == "second"
    time.sleep(0.7)  # both buttons are at the same place: let the gesture end
    button(person, "The second?", "Yes").click()
    person.waits(is_over(person, "The second?"))
    person.waits(lambda: person.driver.find_elements(By.CSS_SELECTOR, "#facts .is-completed"))
    assert person.errors() == []


def test_a_new_card_moves_nothing_under_the_pointer(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    aimed_at = begin(client, "pay", who="Alice")
    person.signs_in(tenant, console.key("operator", tenant))
    pay = button(person, "Pay Alice?", "Pay")
    ActionChains(person.driver, duration=0).move_to_element(pay).perform()
    place = pay.rect
    new = begin(client, "pay", who="Bob")
    person.sees("1 new")
    assert "Pay Bob?" not in person.text
    assert pay.rect == place
    ActionChains(person.driver, duration=0).click().perform()
    person.waits(is_over(person, "Pay Alice?"))
    assert settled(client, aimed_at)["result"] == {"decision": "paid"}
    assert status(client, new) == "paused"
    person.sees("1 new")
    person.presses("1 new")
    messages = person.driver.find_elements(By.CSS_SELECTOR, ".ask .message")
    assert [item.text for item in messages] == ["Pay Bob?", "Pay Alice?"]
    assert not person.driver.find_element(By.CSS_SELECTOR, ".news").is_displayed()


def test_a_new_run_moves_nothing_under_the_pointer(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    runs = [begin(client, "pay", who=who) for who in ("Alice", "Bob")]
    person.signs_in(tenant, console.key("operator", tenant), "/runs?status=paused")
    rows = person.waits(lambda: person.driver.find_elements(By.CSS_SELECTOR, "#runs tbody tr"))
    lower = rows[1].find_element(By.CSS_SELECTOR, "a[href^='/runs/']")
    ActionChains(person.driver, duration=0).move_to_element(lower).perform()
    place = lower.rect
    paid(client, runs[1]).raise_for_status()
    person.waits(lambda: rows[0].get_attribute("data-gone") is not None)
    new = begin(client, "pay", who="Carol")
    person.sees("1 new")
    assert lower.rect == place
    person.presses("1 new")
    shown = person.driver.find_elements(By.CSS_SELECTOR, "#runs tbody tr")
    assert [row.get_attribute("id") for row in shown] == [new, runs[0]]
    paid(client, runs[0]).raise_for_status()
    person.waits(lambda: len(person.driver.find_elements(By.CSS_SELECTOR, "#runs tbody tr")) == 1)
    assert person.errors() == []


def test_the_later_of_two_people_sees_who_decided(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    runs = [begin(client, "pay", who=who) for who in ("Alice", "Bob", "Carol")]
    alice, bob, carol = runs
    person.signs_in(tenant, console.key("operator", tenant))
    button(person, "Pay Bob?", "Reject")
    card(person, "Pay Carol?").find_element(By.TAG_NAME, "summary").click()
    person.fills("Comment", "I am writing this")
    paid(client, alice).raise_for_status()
    person.waits(is_over(person, "Pay Alice?"))
    assert "Pay\nby " in card(person, "Pay Alice?").text
    assert card(person, "Pay Alice?").find_elements(By.TAG_NAME, "button") == []
    client.post("/api/workflow/management/cancel", json={"runId": carol}).raise_for_status()
    person.waits(is_over(person, "Pay Carol?"))
    assert "The run was cancelled" in card(person, "Pay Carol?").text
    kept = card(person, "Pay Carol?").find_element(By.TAG_NAME, "textarea")
    assert kept.get_attribute("value") == "I am writing this"
    assert card(person, "Pay Carol?").find_elements(By.TAG_NAME, "button") == []
    # Older pages of the inbox do not update themselves.
    person.opens("/inbox?cursor=.99999999999999.1")
    reject = button(person, "Pay Bob?", "Reject")
    paid(client, bob).raise_for_status()
    reject.click()
    person.sees("Your answer came too late and has changed nothing.")
    assert "Pay\nby " in card(person, "Pay Bob?").text
    assert card(person, "Pay Bob?").find_elements(By.TAG_NAME, "button") == []
    assert settled(client, bob)["result"] == {"decision": "paid"}


def test_a_second_tap_does_not_confirm_a_dialog_that_has_opened_under_it(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    person.signs_in(tenant, console.key("editor", tenant), "/workflows/stages")
    find = person.driver.find_element
    opener = person.waits(lambda: find(By.CSS_SELECTOR, "[data-dialog=archive]"))
    person.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", opener)
    person.driver.execute_script(CONFIRM_AT, opener)
    taps(person, opener, 6)
    archive = find(By.CSS_SELECTOR, "#archive .danger")
    assert archive.is_displayed()
    assert client.get("/api/workflows/stages").json()["status"] == "draft"
    find(By.ID, "archive-title").click()
    archive.click()
    person.sees("Bring it back")


def test_two_presses_of_start_on_a_slow_connection_start_one_run(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    person.signs_in(tenant, console.key("operator", tenant), "/workflows/pay/start")
    person.fills("Who", "Alice")
    person.driver.execute_cdp_cmd("Network.enable", {})
    person.driver.execute_cdp_cmd("Network.emulateNetworkConditions", SLOW_LINE)
    try:
        start = person.driver.find_element(By.CSS_SELECTOR, "#start button.main")
        taps(person, start, 8)
        person.waits(lambda: "/runs/" in person.driver.current_url)
    finally:
        person.driver.execute_cdp_cmd("Network.disable", {})
    assert runs_of(client, "pay") == 1


def runs_of(client: httpx.Client, flow: str) -> int:
    return len(client.get(f"/api/workflow/runs?workflowId={flow}").json()["runs"])


def test_a_request_retried_after_a_lost_answer_counts_once(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    with UnreliableProxy(console.address) as line:
        person.address = line.address
        person.signs_in(tenant, console.key("operator", tenant), "/workflows/pay/start")
        person.fills("Who", "Alice")
        start = person.driver.find_element(By.CSS_SELECTOR, "#start button.main")
        line.lose_answers()
        start.click()
        person.sees("No answer came.")
        assert runs_of(client, "pay") == 1
        line.mend()
        start.click()
        person.waits(lambda: "/runs/" in person.driver.current_url)
        assert runs_of(client, "pay") == 1
        run = person.driver.current_url.rpartition("/")[2]
        person.opens(f"/runs/{run}")
        pay = button(person, "Pay Alice?", "Pay")
        line.lose_answers()
        pay.click()
        settled(client, run, "completed")
        line.mend()
        person.waits(is_over(person, "Pay Alice?"))
        assert "too late" not in person.text


def test_a_lost_connection_is_shown_until_it_is_restored(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    with UnreliableProxy(console.address) as line:
        person.address = line.address
        person.signs_in(tenant, console.key("operator", tenant))
        person.sees("Nobody is waiting for you")
        line.cut()
        person.sees("Connection lost.")
        begin(client, "pay", who="Alice")
        line.mend()
        person.sees("Pay Alice?")
        person.waits(lambda: "Connection lost." not in person.text)


def test_the_start_form_starts_the_version_it_names(
    console: Server, client: httpx.Client, person: Person, tenant: str
) -> None:
    client.post("/api/workflows/pay/publish", json={"version": "1.0.0"}).raise_for_status()
    steps: list[Any] = [{**PAY["steps"][0], "message": "In new words?"}, PAY["steps"][1]]  # type: ignore[index] # JSON whose shape the test knows
    client.put("/api/workflows/pay", json={"steps": steps}).raise_for_status()
    person.signs_in(tenant, console.key("operator", tenant), "/workflows/pay")
    person.presses("Start 1.0.1")
    person.fills("Who", "Alice")
    person.driver.find_element(By.CSS_SELECTOR, "#start button.main").click()
    person.sees("In new words?")
    person.opens("/workflows/pay/start")
    person.sees("start 1.0.1 instead, a draft that is newer")
    person.fills("Who", "Bob")
    client.post("/api/workflows/pay/publish", json={"version": "1.0.1"}).raise_for_status()
    person.presses("Start")
    person.sees("Pay Bob?")
