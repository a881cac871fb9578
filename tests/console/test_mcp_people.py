"""MCP servers in a real browser: signing in at a server, and declining a question of a tool."""

import json
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.console.conftest import PLUGIN
from tests.contract.agents.test_mcp_steps import workflow
from tests.harness.mcp_process import McpProcess, over_pipes
from tests.harness.server import Server, settled

WITH_PERSON = str(Path(__file__).parents[1] / "harness" / "mcp_with_person.py")


def test_an_admin_signs_in_at_a_server_and_a_question_of_a_tool_is_declined(
    tmp_path: Path, chrome: Chrome
) -> None:
    reported = tmp_path / "told"
    reported.touch()
    # Another host name, so that the redirect back comes from another site, as in production.
    with McpProcess(str(reported), script=WITH_PERSON, MCP_HOST="localhost") as notes:
        address = f"http://localhost:{notes.port}/mcp"
        servers = {"notes": {"url": address, "signIn": {}}, "near": over_pipes()}
        with Server(tmp_path / "data", PLUGIN, STEPWELL_MCP_SERVERS=json.dumps(servers)) as server:
            person = Person(chrome, server.address)
            person.signs_in("acme", server.key("owner"), "/settings/tools")
            person.presses("Sign in")
            person.sees("Sign in again")
            assert len([line for line in reported.read_text().splitlines() if "given" in line]) == 1
            with server.client() as client:
                adds = client.post("/api/tools/notes.add/invoke", json={"args": {"a": 2}})
                assert adds.json()["data"] == {"sum": 3}
                person.driver.find_element(By.CSS_SELECTOR, "form[data-api^=DELETE] button").click()
                person.confirms()
                person.waits(lambda: "Sign in again" not in person.text)
                assert "SignInNeeded" in client.post("/api/tools/notes.add/invoke", json={"args": {"a": 2}}).text  # fmt: skip
                result = {"told": {"type": "string", "value": "{{ result.result }}"}}
                books = workflow(
                    client, {"toolId": "near.book", "inputs": {"show": "Lear"}, "output": result}
                )
                run = client.post(f"/api/workflow/start/{books}").json()["runId"]
                person.opens("/inbox")
                person.sees("How many seats for Lear?")
                person.presses("Decline")
                done = settled(client, run, "completed")
                assert done["data"]["told"] == "nothing for Lear: decline"
                again = client.post(f"/api/workflow/start/{books}").json()
                link = client.post(f"/api/workflow/links/{again['runId']}", json={"name": "Ada"})
                chrome.get(link.json()["url"])
                person.presses("Decline")
                person.sees("Your answer is stored")
                assert "decline" in settled(client, again["runId"], "completed")["data"]["told"]
