"""Agents in the console: created, checked, published and archived, each with the role it needs."""

import re
from typing import Any

import httpx
from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.console.scene import Scene
from tests.console.test_access import csrf, sign_in
from tests.harness.server import Server


def test_an_agent_is_created_changed_published_and_archived(
    console: Server, person: Person
) -> None:
    tenant = "agents"
    person.signs_in(tenant, console.key("editor", tenant), "/agents")
    person.sees("No agents yet")
    person.presses("Write the first")
    text = person.waits(lambda: person.driver.find_element(By.ID, "text").get_attribute("value"))
    person.writes("text", text.replace('"tools": []', '"tools": [{"tol": "x"}]'))
    person.sees("1 problem")
    problem = person.driver.find_element(By.CSS_SELECTOR, "#problems button").text
    assert problem.startswith("Line 5")
    assert "tools[0].tol" in problem
    person.presses("Create")
    assert person.driver.current_url.endswith("/agents/new")
    named = text.replace('"tools": []', '"tools": ["transform", "no.such"]')
    person.writes(
        "text",
        named.replace("New agent", "Clerk").replace('"limits"', '"temperature": 0.5, "limits"'),
    )
    person.sees("No problems, ")
    warning = person.driver.find_element(By.CSS_SELECTOR, "#problems [data-finding=warning]")
    assert "no.such" in person.text
    assert re.match(r"Line \d+, warning", warning.text)
    assert person.driver.find_elements(By.CSS_SELECTOR, "#numbers b[data-finding=warning]")
    person.presses("Create")
    person.sees("There is no default model")
    assert person.driver.current_url.endswith("/agents/clerk")
    person.sees("not on this server now")
    person.sees("temperature 0.5")
    assert '"agentId": "clerk"' in person.text
    person.presses("Edit")
    person.waits(lambda: "/edit" in person.driver.current_url)
    text = person.waits(lambda: person.driver.find_element(By.ID, "text").get_attribute("value"))
    person.writes("text", text.replace('  "temperature": 0.5,\n', ""))
    person.sees("No problems")
    person.presses("Save")
    person.sees("version 1.0.1")
    assert "temperature" not in person.text
    person.presses("Changes")
    person.sees("temperature has changed.")
    person.opens("/agents/clerk")
    person.presses("Publish")
    person.sees("Version 1.0.1 is published.")
    person.presses("Archive…")
    person.presses("Archive")
    person.presses("Bring it back")
    person.sees("Archive…")  # the page is loaded anew
    person.presses("Make a copy")
    person.sees("Clerk (Copy)")


def test_a_viewer_cannot_write_and_other_tenants_see_nothing(console: Server, scene: Scene) -> None:
    mine = f"/agents/{scene.agent}"
    body = {"text": "{}"}
    for role in ("viewer", "operator"):
        with httpx.Client(base_url=console.address) as browser:
            sign_in(browser, "acme", console.key(role))
            shown = browser.get(mine)
            assert shown.status_code == 200
            assert "/edit" not in shown.text
            assert 'data-api="POST /api/agents' not in shown.text
            for path in ("/agents/new", f"{mine}/edit"):
                assert browser.get(path).status_code == 403
            word = {"x-csrf-token": csrf(browser)}
            assert browser.post("/agents/preview", json=body, headers=word).status_code == 403
    with httpx.Client(base_url=console.address) as browser:
        sign_in(browser, "strangers", console.key("owner", "strangers"))
        for path in (mine, f"{mine}/edit", f"{mine}/compare?before=1.0.0"):
            assert browser.get(path).status_code == 404
        assert "Researcher" not in browser.get("/agents").text
        assert browser.post("/agents/preview", json=body).status_code in (303, 401)
        word = {"x-csrf-token": csrf(browser)}
        answer = browser.post("/agents/preview", json=body, headers=word).json()
        assert {"name", "instructions"} <= {item["path"] for item in answer["problems"]}


def test_the_page_of_an_agent_or_workflow_lists_its_callers(console: Server) -> None:
    tenant = "callers"

    def flow(name: str, step: dict[str, str]) -> dict[str, Any]:
        return {"name": name, "initialStep": "a", "steps": [{"id": "a", **step}, {"id": "e", "type": "end-flow"}],
                "edges": [{"from": "a", "to": "e"}]}  # fmt: skip

    agent = {"type": "call-agent", "agentId": "clerk", "message": "Look."}
    child = {"type": "call-workflow", "workflowId": "newest"}
    other = {"type": "call-agent", "agentId": "clerk-2", "message": "Not clerk."}
    plain = {"type": "wait", "duration": "1s"}
    with console.client("owner", tenant) as client, console.client("owner", "others") as others:
        client.post(
            "/api/agents", json={"name": "Clerk", "instructions": "Look."}
        ).raise_for_status()
        for name in ("Newest", "Published", "Older", "Put away"):
            client.post("/api/workflows", json=flow(name, agent)).raise_for_status()
        client.post("/api/workflows/published/publish").raise_for_status()
        for path in ("published", "older"):
            client.put(f"/api/workflows/{path}", json=flow(path.title(), plain)).raise_for_status()
        client.delete("/api/workflows/put-away").raise_for_status()
        client.post("/api/workflows", json=flow("Above", child)).raise_for_status()
        client.post("/api/workflows", json=flow("Beside", other)).raise_for_status()
        others.post("/api/workflows", json=flow("Foreign", agent)).raise_for_status()
    with httpx.Client(base_url=console.address) as browser:
        sign_in(browser, tenant, console.key("viewer", tenant))
        for path, names in (
            ("/agents/clerk", ["Newest", "Published"]),
            ("/workflows/newest", ["Above"]),
            ("/workflows/above", []),
        ):
            _, found, listed = browser.get(path).text.partition('<h3 id="callers">')
            assert bool(found) == (path != "/workflows/above")
            shown = listed.partition("</section>")[0]
            assert re.findall(r'<a href="/workflows/[a-z-]+">([^<]+)</a>', shown) == names
