"""The data of a run is changed field by field, in dialogs on its page."""

import time
from typing import Any

import httpx
from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.console.test_access import sign_in
from tests.harness.event_reader import stream
from tests.harness.server import Server, settled

_LINES = {"type": "array", "items": {"type": "object", "properties": {
    "what": {"type": "string"}, "sum": {"type": "number"}}}}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": "order", "name": "Order", "initialStep": "sort",
    "payload": {
        "customer": {"type": "string"}, "amount": {"type": "integer", "maximum": 100},
        "kind": {"type": "string", "enum": ["car", "home"]}, "lines": _LINES,
        "note": {"type": "string", "required": False},
        "pin": {"type": "string", "required": False},
    },
    "steps": [
        {"id": "sort", "type": "set", "values": {"token": "{{ 'hid' ~ 'den-7' }}", "grade": "A"},
         "output": {"token": {"type": "string", "sensitive": True, "value": "{{ result.token }}"},
                    "grade": {"type": "string", "value": "{{ result.grade }}"}}},
        {"id": "pay", "type": "call-api", "method": "GET", "url": "http://127.0.0.1:9/",
         "retry": {"maxAttempts": 2, "initialInterval": "50m"},
         "output": {"status": {"type": "integer", "minimum": 200, "value": "{{ response.status }}"}}},
        {"id": "end", "type": "end-flow", "result": {
            "lines": "{{ data.lines }}", "amount": "{{ data.amount }}", "note": "{{ data.note | default('none') }}",
            "loose": "{{ data.loose }}", "status": "{{ data.status }}", "kind": "{{ data.kind }}"}},
    ],
    "edges": [{"from": "sort", "to": "pay"}, {"from": "pay", "to": "end"}],
}  # fmt: skip
GIVEN: dict[str, Any] = {
    "customer": "Ada", "amount": 7, "kind": "home", "note": "call first",
    "lines": [{"what": "Taxi", "sum": 2.5}], "loose": {"a": 1}, "pin": "two\nlines",
}  # fmt: skip


def started(client: httpx.Client) -> str:
    client.post("/api/workflows", json=ORDER).raise_for_status()
    run = str(client.post("/api/workflow/start-async/order", json={"data": GIVEN}).json()["runId"])
    until = time.monotonic() + 30
    waiting = {"waitingFor": "retry"}
    while not client.get("/api/workflow/runs", params=waiting).json()["runs"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    return run


def test_fields_are_typed_and_hold_what_the_run_has_but_no_secret(console: Server) -> None:
    with (
        console.client("owner", "edits") as client,
        httpx.Client(base_url=console.address) as browser,
    ):
        run = started(client)
        sign_in(browser, "edits", console.key("operator", "edits"))
        page = f"/runs/{run}/fields"
        shown = browser.get(page, params={"what": "data"}).json()["shown"]
        for part in (
            'name="data.customer" type="text" data-type="string" value="Ada"',
            'name="data.amount" type="number"',
            '<option value="home" selected>',
            'name="data.lines[0].sum" type="number"',
            'name="data.grade"',
            "Other data (JSON)",
            "&quot;loose&quot;",
        ):
            assert part in shown, part
        assert "token" not in shown, "a sensitive field is neither a field nor in the JSON"
        assert "hidden-7" not in shown
        assert "<textarea" in shown.split('data-field="data.pin"')[1][:400], "lines need a box"
        output = browser.get(page, params={"what": "output"}).json()["shown"]
        assert 'name="output.status" type="number"' in output
        assert " required" not in output, "a template may compute it"
        first = browser.get(page, params={"what": "rerun", "stepId": "sort"}).json()["shown"]
        assert "data.grade" not in first, "the step had not delivered it yet"
        assert browser.get(page, params={"what": "rerun", "stepId": "none"}).status_code == 404


def test_only_what_was_changed_is_sent_and_errors_are_at_their_field(
    console: Server, person: Person
) -> None:
    with console.client("owner", "editor") as client:
        run = started(client)
        person.signs_in("editor", console.key("operator", "editor"), f"/runs/{run}")
        person.presses("Change data…")
        person.fills("Note", "")
        person.presses("Add a row")
        person.driver.find_element(By.NAME, "data.lines[1].what").send_keys("Hotel")
        person.driver.find_element(By.NAME, "data.lines[1].sum").send_keys("90")
        person.driver.execute_script("document.getElementById('data-more').open = true")
        person.writes("data-others", '{"loose": [')
        person.presses("Change it")
        person.sees("is not JSON")
        person.writes("data-others", '{"loose": 2}')
        person.presses("Change it")
        person.sees("The data was changed.")
        events = client.get(f"/api/workflow/status/{run}").json()["data"]
        assert events["lines"] == [*GIVEN["lines"], {"what": "Hotel", "sum": 90}]
        assert ("note" in events, events["loose"], events["pin"]) == (False, 2, GIVEN["pin"])
        with stream(client, f"/api/workflow/events/{run}") as seen:
            changed = next(one.data for one in seen if one.event == "run.data_changed")
        sent = {"lines": events["lines"], "loose": 2}
        assert (changed["data"], changed["removed"]) == (sent, ["note"])
        person.presses("Skip…")
        person.fills("Status", "7")
        driver = person.driver
        driver.execute_script(
            "document.getElementById('output-output.status').removeAttribute('min')"
        )
        person.presses("Skip it")
        field = "[data-field='output.status'] > .wrong:not([hidden])"
        person.waits(lambda: driver.find_element(By.CSS_SELECTOR, field).text)
        person.fills("Status", "204")
        person.presses("Skip it")
        person.sees("The step was skipped.")
        assert settled(client, run)["result"]["status"] == 204
        document = {**ORDER, "payload": {**ORDER["payload"], "urgent": {"type": "boolean"}}}
        client.put("/api/workflows/order", json=document).raise_for_status()
        newest = client.get("/api/workflows/order/versions").json()[0]["version"]
        person.opens(f"/runs/{run}")
        person.presses("Run again…")
        person.fills("Amount", "9")
        person.fills("Version", newest)
        person.fills("Urgent", "Yes")
        assert person.field("Amount").get_attribute("value") == "9", "what was written stays"
        driver.find_element(By.CSS_SELECTOR, "#again button.main").click()
        person.waits(lambda: run not in driver.current_url)
        again = driver.current_url.rpartition("/")[2].partition("?")[0]
        data = client.get(f"/api/workflow/status/{again}").json()["data"]
        assert (data["amount"], data["urgent"], data["customer"]) == (9, True, "Ada")
        assert all("400 (Bad Request)" in one for one in person.errors())
