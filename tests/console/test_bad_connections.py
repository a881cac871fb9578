"""A person on a connection that is slow, is gone, or loses answers."""

import json
from pathlib import Path
from typing import Any

from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.console.scene import one_question
from tests.harness.server import Server

UPLOAD: dict[str, Any] = {
    "id": "up", "name": "Up", "initialStep": "e",
    "payload": {"note": {"type": "string"}, "paper": {"type": "file"}},
    "steps": [{"id": "e", "type": "end-flow"}],
}  # fmt: skip
_LOSE_ANSWERS = """
    const ask = window.fetch;
    window.fetch = async (address, how) => {
        const answer = await ask(address, how);
        if (how.method !== arguments[0] || address.endsWith("/preview")) return answer;
        window.fetch = ask;
        throw new TypeError("the answer is lost");
    };
"""
_STUCK = "return document.querySelector('#save').getAttribute('aria-busy') === 'true'"


def network(person: Person, kbit_s: int = -1, latency_ms: int = 0, *, is_offline: bool = False) -> None:  # fmt: skip
    bytes_s = kbit_s * 125 if kbit_s > 0 else -1
    conditions = {"offline": is_offline, "latency": latency_ms, "downloadThroughput": bytes_s, "uploadThroughput": bytes_s}  # fmt: skip
    person.driver.execute_cdp_cmd("Network.enable", {})
    person.driver.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)


def test_a_definition_whose_answer_was_lost_is_stored_once(console: Server, person: Person) -> None:
    tenant = "lost-saves"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=one_question("Mine", "One?")).raise_for_status()
        person.signs_in(tenant, console.key("editor", tenant), "/workflows/new")
        for method, message in (("POST", "One?"), ("PUT", "Two?")):
            person.writes("text", json.dumps(one_question("Mine", message)))
            person.sees("No problems")
            person.driver.execute_script(_LOSE_ANSWERS, method)
            person.driver.find_element(By.ID, "save").click()
            person.sees("it is not stored twice")
            assert not person.driver.execute_script(_STUCK)
            person.driver.find_element(By.ID, "save").click()
            person.waits(lambda: person.driver.current_url.endswith("/workflows/mine-2"))
            person.opens("/workflows/mine-2/edit")
        assert [one["id"] for one in client.get("/api/workflows").json()] == ["mine-2", "mine"]
        assert len(client.get("/api/workflows/mine-2/versions").json()) == 2


def test_an_upload_says_how_far_it_is_and_who_is_offline_keeps_what_is_written(
    console: Server, person: Person, tmp_path: Path
) -> None:
    tenant, paper = "slow-uploads", tmp_path / "paper.txt"
    paper.write_bytes(b"x" * 60_000)
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=UPLOAD).raise_for_status()
        person.signs_in(tenant, console.key("operator", tenant), "/workflows/up/start")
        person.fills("Note", "half a page")
        person.fills("Paper", str(paper))
        start = person.driver.find_element(By.CSS_SELECTOR, "#start button.main")
        try:
            network(person, is_offline=True)
            start.click()
            person.sees("You are offline, and nothing was sent.")
            assert person.field("Note").get_attribute("value") == "half a page"
            network(person, 200, 300)
            person.driver.execute_script("arguments[0].form.requestSubmit()", start)
            person.sees("Sending the file: ")
            person.driver.execute_script("arguments[0].form.requestSubmit()", start)
        finally:
            network(person)
        person.waits(lambda: "/runs/" in person.driver.current_url)
        assert len(client.get("/api/workflow/runs").json()["runs"]) == 1
        person.driver.delete_all_cookies()
        person.opens("/sign-in?key")
        person.fills("Key or token", "sk_something")
        try:
            network(person, is_offline=True)
            person.presses("Sign in")
            person.sees("You are offline, and nothing was sent.")
        finally:
            network(person)
        assert person.field("Key or token").get_attribute("value") == "sk_something"
    person.errors()
