"""The page of a run: selected visit, origin of values, repairs, collapsed loops, time axis."""

from typing import Any

import httpx
from selenium.webdriver.common.by import By

from app.web.console.runs.rounds import Rounds, folded
from app.web.console.runs.time_axis import TimeAxis
from tests.console.browser import Person
from tests.console.test_access import sign_in
from tests.harness.echo import Echo
from tests.harness.server import Server, settled

DAY_MS = 86_400_000


def test_loops_are_collapsed_except_for_the_newest_round() -> None:
    steps = ["a", *["b", "c"] * 300, "d"]
    assert folded(steps) == [Rounds(0, 1, 0), Rounds(1, 599, 2), Rounds(599, 602, 0)]
    assert folded(["a", "b"] * 3) == [Rounds(0, 6, 0)], "three rounds are not many"
    assert sum(part.count for part in folded(["x"] * 1_000)) == 999


def test_waits_are_drawn_shorter_than_work() -> None:
    axis = TimeAxis(0, DAY_MS, [(0, 1_000), (DAY_MS - 1_000, DAY_MS)])
    assert axis.is_compressed
    assert (axis.at(0), axis.at(1_000), axis.at(DAY_MS)) == (0, 44.64, 100)
    assert 44 < axis.at(DAY_MS // 2) < 56, "the day between is a small part of it"
    assert not TimeAxis(0, 1_000, [(0, 1_000)]).is_compressed


def looping() -> dict[str, Any]:
    add = {"id": "add", "type": "set", "name": "Add one", "values": {"n": "{{ data.n + 1 }}"}}
    pay = {"id": "pay", "type": "call-api", "name": "Pay", "method": "POST", "url": "{{ data.url }}/500",
           "retry": {"maxAttempts": 3, "initialInterval": "50s"}, "output": {"status": {"type": "integer", "value": "{{ response.status }}"}}}  # fmt: skip
    end = {
        "id": "end",
        "type": "end-flow",
        "result": {"n": "{{ data.n }}", "status": "{{ data.status }}"},
    }
    edges = [
        {"from": "add", "to": "add", "condition": "data.n < 30"},
        {"from": "add", "to": "pay"},
        {"from": "pay", "to": "end"},
    ]
    return {"id": "counting", "name": "Counting", "initialStep": "add", "payload": {"n": {"type": "number"}, "url": {"type": "string"}},
            "steps": [add, pay, end], "edges": edges}  # fmt: skip


def test_a_run_is_inspected_and_repaired(console: Server, person: Person) -> None:
    with Echo() as echo, console.client("owner", "looking") as client:
        client.post("/api/workflows", json=looping()).raise_for_status()
        data = {"n": 0, "url": echo.address}
        run = client.post("/api/workflow/start-async/counting", json={"data": data}).json()["runId"]
        person.signs_in("looking", console.key("operator", "looking"), f"/runs/{run}")
        person.sees("29 × Add one")  # noqa: RUF001 - as it is shown
        person.sees("is tried again")
        css = person.driver.find_element
        person.waits(lambda: "Pay" in css(By.CSS_SELECTOR, ".visits [aria-current]").text)
        assert f"{echo.address}/500" in css(By.ID, "inspector").text, "the address as it was sent"
        person.driver.execute_script(
            "document.querySelector('.flow [data-step=add] rect').parentElement.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
        )
        person.waits(lambda: "visit 30" in css(By.CSS_SELECTOR, "#inspector h2").text)
        assert "visit=" in person.driver.current_url
        assert css(By.CSS_SELECTOR, ".flow .selected").get_attribute("data-step") == "add"
        css(By.CSS_SELECTOR, "#inspector .json a.value").click()
        person.sees("data.n + 1")
        person.sees("earlier rounds of the same")
        person.driver.back()
        person.driver.back()
        person.waits(lambda: "Pay" in css(By.CSS_SELECTOR, "#inspector h2").text)
        person.presses("Skip…")
        person.fills("Status", "201")
        person.fills("Reason", "paid by hand")
        follow = "[data-live-graph] [data-follow]"
        assert person.driver.find_elements(By.CSS_SELECTOR, follow)
        person.presses("Skip it")
        person.sees("The step was skipped.")
        person.waits(lambda: not person.driver.find_elements(By.CSS_SELECTOR, follow))
        assert settled(client, run)["result"] == {"n": 30, "status": 201}
        css(By.CSS_SELECTOR, "#events-details summary").click()
        assert "paid by hand" in css(By.ID, "events").text, "who did it and why"
        assert person.errors() == []


def test_items_of_a_step_are_paged_and_their_steps_are_shown_in_the_picture(
    console: Server,
) -> None:
    ship = {
        "id": "ship",
        "type": "set",
        "name": "Ship",
        "values": {"y": "{{ 10 / (data.item - 3) }}"},
    }
    each = {
        "id": "each",
        "type": "call-workflow",
        "name": "Each",
        "items": "{{ range(30) | list }}",
        "steps": [ship],
    }
    flow = {"id": "many", "name": "Many", "title": "Order {{ data.n | default('nine') }}", "initialStep": "each",
            "steps": [each, {"id": "end", "type": "end-flow"}], "edges": [{"from": "each", "to": "end"}]}  # fmt: skip
    with (
        console.client("owner", "itemising") as client,
        httpx.Client(base_url=console.address) as browser,
    ):
        client.post("/api/workflows", json=flow).raise_for_status()
        run = client.post("/api/workflow/start/many", json={"data": {}}).json()["runId"]
        settled(client, run, "failed")
        sign_in(browser, "itemising", console.key("viewer", "itemising"))
        shown = browser.get(f"/runs/{run}").text
        assert ">Order nine</h1>" in shown
        assert shown.count('<td class="quiet">') >= 3
        assert "1 failed" in shown
        assert "divides by zero" in shown
        failed = browser.get(f"/runs/{run}?items=failed").text
        assert "ExpressionFailed" in failed[failed.index("Child runs of Each") :]
        assert 'data-step="ship"' not in shown
        opened = browser.get(f"/runs/{run}?open=each").text
        assert 'data-step="ship"' in opened
        assert ">1 failed</text>" in opened
        page = browser.get(
            f"/runs/{run}?items=none&after=x.y&open=,,each/item,ghost&part=99&visit=-1"
        )
        assert page.status_code == 200
