"""Bulk commands on the list of runs act on the runs that were shown, and no others."""

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from selenium.webdriver.common.by import By

from engine import Event
from tests.console.browser import Person
from tests.console.conftest import PLUGIN
from tests.console.test_access import sign_in
from tests.harness.journals import completed, filled, paused
from tests.harness.server import Server

COUNT = 450
WORKFLOW = {
    "id": "w", "name": "W", "initialStep": "a",
    "steps": [{"id": "a", "type": "collect-inputs", "output": {"name": {"type": "string"}}},
              {"id": "end", "type": "end-flow"}],
    "edges": [{"from": "a", "to": "end"}],
}  # fmt: skip
HOLD = """
const send = window.fetch;
let parts = 0;
window.fetch = async (...sent) => {
  if (String(sent[0]).endsWith("/bulk") && ++parts === 3) await new Promise((go) => { window.release = go; });
  return send(...sent);
};
"""


def of_a_workflow_that_is_gone(number: int) -> Sequence[Event]:
    return [*completed(number, workflow="gone")[:2], paused(number)[2]]


@pytest.fixture(scope="module")
def filled_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server with many paused runs, some ended ones, and one whose workflow is missing."""
    with Server(tmp_path_factory.mktemp("many") / "data", PLUGIN) as server:
        with server.client() as client:
            client.post("/api/workflows", json=WORKFLOW).raise_for_status()
        assert server.terminate() == 0
        filled(server.data, paused, range(1, COUNT + 1))
        filled(server.data, completed, range(COUNT + 1, COUNT + 6))
        filled(server.data, of_a_workflow_that_is_gone, [COUNT + 8])
        filled(server.data, paused, [COUNT + 9], tenant="other")
        server.start()
        yield server


@pytest.fixture
def operator(filled_server: Server, person: Person) -> Person:
    person.address = filled_server.address
    return person


def statuses(server: Server, tenant: str = "acme") -> dict[str, int]:
    with server.client("viewer", tenant) as client:
        counts: dict[str, int] = {}
        cursor: Any = None
        while True:
            query = {"limit": "500", **({"cursor": cursor} if cursor else {})}
            page = client.get("/api/workflow/runs", params=query).json()
            for row in page["runs"]:
                counts[row["status"]] = counts.get(row["status"], 0) + 1
            cursor = page["nextCursor"]
            if cursor is None:
                return counts


def go(person: Person) -> Any:
    return person.driver.find_element(By.ID, "bulk-go")


def test_only_the_ticked_runs_are_cancelled(filled_server: Server, operator: Person) -> None:
    before = statuses(filled_server)
    operator.signs_in("acme", filled_server.key("operator"), "/runs")
    operator.presses("Act on all runs…")
    operator.sees("With all runs:")
    assert "Delete…" not in operator.text
    operator.presses("Act on all runs…")
    operator.waits(lambda: "Cancel…" not in operator.text)
    for run in (COUNT + 8, COUNT + 5, COUNT, COUNT - 1):
        operator.driver.find_element(
            By.CSS_SELECTOR, f"[data-tick='dynamic-workflow-{run}']"
        ).click()
    operator.sees("With the 4 ticked:")
    operator.presses("Cancel…")
    operator.sees("3 runs of the 4 ticked have not ended. The other one is left alone.")
    operator.fills("Reason", "sent twice")
    operator.presses("Cancel 3 runs")
    operator.sees("2 runs were asked to stop. With 1 run it could not be done.")
    operator.sees(f"{COUNT + 8} ")
    operator.presses("Close")
    operator.waits(lambda: "With the" not in operator.text)
    after = statuses(filled_server)
    assert after["cancelled"] == 2
    assert after["paused"] == before["paused"] - 2
    with filled_server.client() as client:
        document = client.get(f"/api/workflow/status/dynamic-workflow-{COUNT}").json()
        assert (document["status"], document["reason"]) == ("cancelled", "sent twice")


def test_a_command_for_all_matches_needs_their_number_and_can_be_interrupted(
    filled_server: Server, operator: Person
) -> None:
    operator.signs_in("acme", filled_server.key("owner"))
    operator.opens("/runs?status=paused&workflowId=w")
    operator.sees("With all that match:")
    left = statuses(filled_server)["paused"] - 1
    operator.presses("Terminate…")
    operator.sees(f"{left} runs match the filter (status paused, workflow w) and have not ended.")
    assert not go(operator).is_enabled()
    operator.fills("Type", str(left - 1))
    assert not go(operator).is_enabled()
    operator.presses("Keep them")
    operator.driver.execute_script(HOLD)
    operator.presses("Terminate…")
    operator.waits(lambda: operator.field("Type") and go(operator).text == f"Terminate {left} runs")
    operator.fills("Type", str(left))
    go(operator).click()
    operator.sees(f"200 of {left} runs.")
    operator.presses("Stop here")
    operator.sees("Stopping…")
    operator.driver.execute_script("window.release()")
    operator.sees("400 runs were ended. You stopped before the end")
    operator.presses("Close")
    assert statuses(filled_server)["paused"] == left + 1 - 400
    assert statuses(filled_server, "other") == {"paused": 1}


def test_an_owner_deletes_ended_runs_and_sees_how_many_were_deleted(
    filled_server: Server, operator: Person
) -> None:
    operator.signs_in("acme", filled_server.key("owner"), "/runs?status=completed")
    operator.sees("With all that match:")
    assert "Cancel…" not in operator.text
    operator.presses("Delete…")
    operator.sees("5 runs match the filter (status completed) and have ended.")
    with filled_server.client() as client:
        gone = client.delete(f"/api/workflow/runs/dynamic-workflow-{COUNT + 2}")
        assert gone.status_code == 200
    operator.fills("Type", "5")
    operator.presses("Delete 5 runs")
    operator.sees("4 runs were deleted.")
    operator.presses("Close")
    operator.sees("No run fits")
    assert "completed" not in statuses(filled_server)


def test_a_viewer_sees_no_bulk_commands_and_cannot_send_them(filled_server: Server) -> None:
    address = "/api/workflow/management/bulk"
    body = {"action": "terminate", "filter": {}}
    with httpx.Client(base_url=filled_server.address) as browser:
        sign_in(browser, "acme", filled_server.key("viewer"))
        shown = browser.get("/runs").text
        assert "data-tick" not in shown
        assert "data-bulk" not in shown
    with httpx.Client(base_url=filled_server.address) as browser:
        sign_in(browser, "acme", filled_server.key("owner"))
        assert "data-tick" in browser.get("/runs").text
        assert browser.post(address, json=body).status_code == 401
        assert browser.post(address, json=body, headers={"x-csrf-token": "x"}).status_code == 401


def test_hostile_filters_are_shown_as_text(filled_server: Server, operator: Person) -> None:
    evil = "\"><img src=x onerror=window.hit=1>'</script>"
    operator.signs_in("acme", filled_server.key("owner"))
    operator.opens(f"/runs?workflowId={evil.replace('<', '%3C').replace('>', '%3E')}")
    operator.sees("No run fits")
    sent = operator.driver.find_element(By.CSS_SELECTOR, "[data-bulk]").get_attribute("data-filter")
    assert evil in str(sent).replace('\\"', '"')
    assert operator.driver.execute_script("return window.hit === undefined")
