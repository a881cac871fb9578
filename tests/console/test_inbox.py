"""The inbox: by keyboard, for several pauses at once, and on a phone with one press."""

from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.harness.server import Server, settled

_SCROLLED_IN_SIGHT = """
    const button = document.querySelector("button[value=approved]");
    document.querySelector("main").style.paddingTop = "100vh";
    scrollTo(0, 0);
    button.scrollIntoView({block: "nearest"});
    const at = button.getBoundingClientRect();
    return button.contains(document.elementFromPoint(at.x + 5, at.bottom - 2));
"""
"""Scrolls a button from below the fold into view, and says whether it can be seen."""

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
PAY: dict[str, Any] = {
    "id": "pay", "name": "Pay", "initialStep": "ask", "title": "Payment to {{ data.who }}",
    "payload": {"who": {"type": "string"}},
    "steps": [{"id": "ask", "type": "request-user-action", "message": "Pay {{ data.who }}?"},
              {"id": "end", "type": "end-flow", "result": {"decision": "{{ steps.ask.output.actionValue }}"}}],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


def rows(person: Person) -> list[str]:
    """Return the list beside the cards, with a dash before each pause that is decided."""
    items = person.driver.find_elements(By.CSS_SELECTOR, "#inbox-index li")
    return [
        ("-" if item.get_attribute("data-over") else "")
        + item.find_element(By.CSS_SELECTOR, "a span").text.removeprefix("Payment to ")
        for item in items
    ]


def test_keys_decide_and_undo_and_several_are_answered_at_once(
    console: Server, person: Person
) -> None:
    tenant = "keys"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        runs = {}
        for who in ("Eve", "Dan", "Cid", "Bob"):
            started = client.post("/api/workflow/start/pay", json={"data": {"who": who}})
            runs[who] = started.json()["runId"]
        person.signs_in(tenant, console.key("operator", tenant))
        person.waits(lambda: rows(person) == ["Bob", "Cid", "Dan", "Eve"])
        body = person.driver.find_element(By.TAG_NAME, "body")
        body.send_keys("j")
        body.send_keys("a")
        person.waits(lambda: rows(person) == ["-Bob", "Cid", "Dan", "Eve"])
        body.send_keys("u")
        person.waits(lambda: rows(person) == ["Bob", "Cid", "Dan", "Eve"])
        assert settled(client, runs["Bob"])["status"] == "paused"
        body.send_keys("r")  # the decision that was undone
        person.sees("Reject: Payment to Bob.")
        body.send_keys("a")  # and the next one
        person.waits(lambda: rows(person) == ["-Bob", "-Cid", "Dan", "Eve"])
        for box in person.driver.find_elements(By.CSS_SELECTOR, "[data-tick]"):
            box.click()
        person.sees("2 chosen")
        person.driver.find_element(By.CSS_SELECTOR, "#several [data-value=approved]").click()
        person.waits(lambda: rows(person) == ["-Bob", "-Cid", "-Dan", "-Eve"])
        person.opens("/runs")  # leaving the page sends the pending decisions
        decided = {who: settled(client, run, "completed")["result"] for who, run in runs.items()}
        assert {who: result["decision"] for who, result in decided.items()} == {
            "Bob": "rejected", "Cid": "approved", "Dan": "approved", "Eve": "approved",
        }  # fmt: skip
        assert person.errors() == []


def test_an_approver_on_a_phone_needs_one_press(console: Server, person: Person) -> None:
    tenant = "phone"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        long = "x" * 10_000
        parts = [{"title": long, "value": value} for value in (long, [{long: long}], {long: long})]
        shows = {
            **PAY,
            "id": "shows",
            "steps": [{**PAY["steps"][0], "show": parts}, PAY["steps"][1]],
        }
        client.post("/api/workflows", json=shows).raise_for_status()
        body = {"data": {"who": long}}
        client.post("/api/workflow/start/shows", json=body).raise_for_status()
        others = {
            **PAY,
            "id": "others",
            "steps": [{**PAY["steps"][0], "assignees": ["key:"]}, PAY["steps"][1]],
        }
        client.post("/api/workflows", json=others).raise_for_status()
        for workflow, who in (("others", "Bob"), ("pay", "Ann")):
            started = client.post(f"/api/workflow/start/{workflow}", json={"data": {"who": who}})
            run = started.json()["runId"]
        person.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        try:
            person.signs_in(tenant, console.key("operator", tenant))
            person.sees("Pay Ann?")
            assert "Pay Bob?" not in person.text, "it is for somebody else"
            wide = person.driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= PHONE["width"]
            person.opens("/runs")
            table = "return document.querySelector('.scroll').scrollWidth"
            assert person.driver.execute_script(table) < 1000, "a long title breaks into lines"
            person.opens("/inbox")
            person.sees("Pay Ann?")
            assert person.driver.execute_script(_SCROLLED_IN_SIGHT), "the menu below hides nothing"
            person.presses("Approve")
            assert settled(client, run, "completed")["result"] == {"decision": "approved"}
        finally:
            person.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_an_action_with_fields_opens_a_form_that_accepts_files(
    console: Server, person: Person, tmp_path: Path
) -> None:
    tenant = "reasons"
    bill = tmp_path / "bill.txt"
    bill.write_text("12 EUR")
    actions = [
        {"value": "approved", "label": "Pay"},
        {"value": "rejected", "label": "Refuse", "fields": {"reason": {"type": "string"}}},
    ]
    asks = {**PAY, "steps": [{**PAY["steps"][0], "actions": actions}, PAY["steps"][1]]}
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=asks).raise_for_status()
        first, run = [
            client.post("/api/workflow/start/pay", json={"data": {"who": who}}).json()["runId"]
            for who in ("Bob", "Ann")
        ]
        person.signs_in(tenant, console.key("operator", tenant))
        person.waits(lambda: rows(person) == ["Ann", "Bob"])
        for box in person.driver.find_elements(By.CSS_SELECTOR, "[data-tick]"):
            box.click()
        person.waits(
            lambda: (
                [
                    one.text
                    for one in person.driver.find_elements(By.CSS_SELECTOR, "#several button")
                ]
                == ["Pay"]
            )
        )
        keys = person.driver.find_element(By.TAG_NAME, "body")
        keys.send_keys("j")
        keys.send_keys("r")
        field = person.driver.switch_to.active_element
        assert field.get_attribute("name") == "data.reason", "a key opens what asks for more"
        field.send_keys("not ours")
        card = f"#waiting-list [data-card][id^='ask-{run}']"
        person.driver.find_element(By.CSS_SELECTOR, f"{card} [data-asks] details summary").click()
        person.driver.find_element(By.CSS_SELECTOR, f"{card} [data-asks] [name=comment]").send_keys(
            "sorry"
        )
        person.driver.find_element(
            By.CSS_SELECTOR, f"{card} [data-asks] [name=attachments]"
        ).send_keys(str(bill))
        person.presses("Refuse")
        person.waits(lambda: rows(person) == ["-Ann", "Bob"])
        for reported in ("not ours", "sorry", "bill.txt"):
            person.sees(reported)
        assert person.driver.find_elements(By.CSS_SELECTOR, f"{card} button, {card} summary") == []
        settled(client, run, "completed")
        other = f"#waiting-list [data-card][id^='ask-{first}']"
        person.driver.find_element(By.CSS_SELECTOR, f"{other} [data-asks] > summary").click()
        person.driver.find_element(By.CSS_SELECTOR, f"{other} [name='data.reason']").send_keys(
            "late"
        )
        pause = client.get(f"/api/workflow/status/{first}").json()["pauseSignal"]
        answer = {key: pause[key] for key in ("type", "stepId", "pauseId", "actionId")}
        client.post(f"/api/workflow/resume/{first}", json=answer | {"actionValue": "approved"})
        person.sees("What you have written")
        assert person.driver.find_elements(By.CSS_SELECTOR, f"{other} button") == []
        person.opens(f"/runs/{run}")
        person.driver.find_element(By.CSS_SELECTOR, "[data-select][data-step=ask]").click()
        for reported in ("not ours", "sorry", "bill.txt"):
            person.sees(reported)
        assert person.errors() == []


LINES: dict[str, Any] = {
    "id": "lines", "name": "Lines", "payload": {}, "initialStep": "ask",
    "steps": [
        {"id": "ask", "type": "collect-inputs", "message": "What is on the bill?", "output": {
            "lines": {"type": "array", "title": "Lines", "minItems": 1, "items": {"type": "object", "properties": {
                "item": {"type": "string"}, "eur": {"type": "number", "multipleOf": 5},
                "account": {"type": "string", "choices": "{{ data.accounts }}"}}}},
            "supplier": {"type": "object", "properties": {"name": {"type": "string"},
                "phones": {"type": "array", "items": {"type": "string"}}}}}},
        {"id": "end", "type": "end-flow", "result": "{{ steps.ask.output }}"},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


def test_rows_and_objects_are_filled_in_and_errors_are_shown_at_the_row(
    console: Server, person: Person
) -> None:
    tenant = "lines"
    accounts = [{"value": "4660", "label": "Travel"}, {"value": "4650", "label": "Meals"}]

    def write(name: str, text: str) -> None:
        person.driver.find_element(By.NAME, f"data.{name}").send_keys(text)

    def press(place: str) -> None:
        script = "document.querySelector(arguments[0]).click()"
        person.driver.execute_script(script, place)

    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=LINES).raise_for_status()
        given = {"data": {"accounts": accounts}}
        run = client.post("/api/workflow/start/lines", json=given).json()["runId"]
        person.signs_in(tenant, console.key("operator", tenant))
        person.sees("What is on the bill?")
        add = "[data-field='data.lines'] > div > [data-row=add]"
        press(add)
        press(add)
        for index, (item, eur, account) in enumerate(
            [("Taxi", "70", "Travel"), ("Gone", "5", "Meals"), ("Lunch", "21", "Meals")]
        ):
            write(f"lines[{index}].item", item)
            write(f"lines[{index}].eur", eur)
            write(f"lines[{index}].account", account)
        write("supplier.name", "ACME")
        press("[data-field='data.supplier.phones'] > div > [data-row=add]")
        write("supplier.phones[0]", "112")
        press("[data-rows='data.lines'] > :nth-child(2) > [data-row=remove]")
        person.presses("Send the answer")
        wrong = "[data-field='data.lines[1].eur'] > .wrong"
        person.waits(
            lambda: "a multiple of 5" in person.driver.find_element(By.CSS_SELECTOR, wrong).text
        )
        write("lines[1].eur", "0")
        person.presses("Send the answer")
        assert settled(client, run, "completed")["result"] == {
            "lines": [
                {"item": "Taxi", "eur": 70, "account": "4660"},
                {"item": "Lunch", "eur": 210, "account": "4650"},
            ],
            "supplier": {"name": "ACME", "phones": ["112"]},
        }


def test_what_was_written_stays_when_the_session_has_ended(console: Server, person: Person) -> None:
    with console.client("owner", "ended") as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        run = client.post("/api/workflow/start/pay", json={"data": {"who": "Bob"}}).json()["runId"]
        person.signs_in("ended", console.key("operator", "ended"))
        person.sees("Pay Bob?")
        person.driver.find_element(By.CSS_SELECTOR, "form.answer summary").click()
        person.fills("Comment", "Paid twice already")
        person.driver.delete_all_cookies()
        person.presses("Approve")
        person.sees("You are signed out, and nothing was sent.")
        assert person.field("Comment").get_attribute("value") == "Paid twice already"
        first = person.driver.current_window_handle
        person.driver.switch_to.new_window("tab")
        person.signs_in("ended", console.key("operator", "ended"))
        person.driver.close()
        person.driver.switch_to.window(first)
        person.presses("Approve")
        settled(client, run, "completed")
        person.sees("Paid twice already")
        person.errors()
