"""A decision counts even if its page is left while the decision is pending or being sent."""

import pytest

from tests.console.browser import Person
from tests.console.test_inbox import PAY
from tests.harness.server import Server, settled

_OCCUPY = "for (let n = 0; n < 8; n += 1) new EventSource('/api/workflow/events')"
"""Takes all connections that a browser allows to one server."""

_DECIDE = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true}))"
_PRESS = "document.querySelector('button[value=approved]').click()"


@pytest.mark.parametrize(("way", "leaving"), [("held", "closed"), ("sent", "elsewhere")])
def test_a_decision_is_sent_after_its_page_is_left(
    console: Server, person: Person, way: str, leaving: str
) -> None:
    tenant = f"{way}-{leaving}"
    driver = person.driver
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        run = client.post("/api/workflow/start/pay", json={"data": {"who": "Bob"}}).json()["runId"]
        person.signs_in(tenant, console.key("operator", tenant), "/runs")
        first = driver.current_window_handle
        driver.switch_to.new_window("tab")
        person.opens("/inbox")
        person.sees("Pay Bob?")
        # The request waits in the browser for a free connection until the page is closed.
        driver.execute_script(_OCCUPY)
        if way == "held":
            person.driver.find_element("tag name", "body").send_keys("j")
        driver.execute_script(_DECIDE if way == "held" else _PRESS)
        if leaving == "elsewhere":
            driver.get("data:text/html,elsewhere")
            assert settled(client, run, "completed")["result"] == {"decision": "approved"}
        driver.close()
        driver.switch_to.window(first)
        assert settled(client, run, "completed")["result"] == {"decision": "approved"}


def test_a_pending_decision_is_sent_when_the_page_is_put_aside(
    console: Server, person: Person
) -> None:
    """A phone may end a hidden page without another event."""
    with console.client("owner", "aside") as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        run = client.post("/api/workflow/start/pay", json={"data": {"who": "Bob"}}).json()["runId"]
        person.signs_in("aside", console.key("operator", "aside"))
        person.sees("Pay Bob?")
        person.driver.find_element("tag name", "body").send_keys("j")
        pending = person.driver.execute_script(
            f"""{_DECIDE};
            const before = !document.getElementById("undoing").hidden;
            Object.defineProperty(document, "hidden", {{value: true}});
            document.dispatchEvent(new Event("visibilitychange"));
            return [before, !document.getElementById("undoing").hidden];"""
        )
        assert pending == [True, False]
        assert settled(client, run, "completed")["result"] == {"decision": "approved"}


def test_a_decision_that_ended_with_its_browser_is_reported(
    console: Server, person: Person
) -> None:
    with console.client("owner", "lost") as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        client.post("/api/workflow/start/pay", json={"data": {"who": "Bob"}}).raise_for_status()
        person.signs_in("lost", console.key("operator", "lost"))
        person.sees("Pay Bob?")
        person.driver.execute_script("localStorage.clear()")  # the browser has had other people
        body = person.driver.find_element("tag name", "body")
        body.send_keys("j")
        held = person.driver.execute_script(f"{_DECIDE}; return localStorage['held-decisions']")
        body.send_keys("u")
        assert person.driver.execute_script("return localStorage.length") == 0, "it is taken back"
        person.driver.execute_script(
            "const earlier = (at) => at - 60_000;"
            "localStorage['held-decisions'] = arguments[0].replace(/(?<=\"at\":)\\d+/, earlier);"
            "location.reload()",
            held,
        )
        person.sees("Not sent: Approve: ")
        person.opens("/inbox")
        person.sees("Pay Bob?")
        assert "Not sent" not in person.text, "once"
