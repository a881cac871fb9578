"""Journeys of people in a real browser, from sign-in to a finished run."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.console.scene import Scene, one_question
from tests.harness.server import Server, settled

FAILS = {
    "name": "Fragile", "initialStep": "prepare",
    "payload": {"port": {"type": "integer"}},
    "steps": [
        {"id": "prepare", "type": "call-tool", "toolId": "transform", "name": "Prepare",
         "inputs": {"word": "prepared"}, "output": {"word": {"type": "string", "value": "{{ result.word }}"}}},
        {"id": "check", "type": "call-tool", "toolId": "transform", "name": "Check the number",
         "inputs": {"big": "{{ data.port / (data.port - 1) }}"}},
        {"id": "end", "type": "end-flow",
         "result": {"word": "{{ steps.prepare.output.word }}", "port": "{{ data.port }}"}},
    ],
    "edges": [{"from": "prepare", "to": "check"}, {"from": "check", "to": "end"}],
}  # fmt: skip


def run_id(person: Person) -> str:
    match = re.search(r"/runs/(dynamic-workflow-\d+)", person.driver.current_url)
    assert match
    return match[1]


def test_a_workflow_is_made_from_a_sample_and_its_mistakes_are_shown_at_their_lines(
    console: Server, person: Person, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.txt"
    receipt.write_text("Taxi 70 EUR")
    key = console.key("owner", "newcomer")
    person.signs_in("newcomer", key)
    person.sees("Nothing here yet, since there is no workflow")
    person.presses("Expense approval")
    person.sees("No problems")
    text = person.driver.execute_script("return document.getElementById('text').value")
    person.writes("text", text.replace('"request-user-action"', '"request-user-actoin"'))
    person.sees("did you mean request-user-action?")
    line = text[: text.index('"request-user-action"')].count("\n") + 1
    person.sees(f"Line {line}")
    marked = person.driver.find_elements(By.CSS_SELECTOR, "#numbers b")
    assert str(line) in [item.text for item in marked]
    person.presses("Create")
    assert "/workflows/new" in person.driver.current_url
    person.writes("text", text.replace("Expense approval", "My expenses"))
    person.sees("No problems")
    person.presses("Create")
    person.sees("version 1.0.0")
    person.presses("Start")
    person.fills("Employee", "Ada")
    person.fills("Amount", "70")
    person.fills("Purpose", "travel")
    person.fills("Attachment", str(receipt))
    person.driver.find_element(By.CSS_SELECTOR, "#start button.main").click()
    person.waits(lambda: "/runs/" in person.driver.current_url)
    person.sees("Pay 70 EUR to Ada for travel?")
    started = run_id(person)
    person.opens("/inbox")
    person.sees("Pay 70 EUR to Ada for travel?")
    person.presses("Approve")
    person.sees("Nobody is waiting for you")
    person.opens(f"/runs/{started}")
    person.sees("completed")
    with console.client("viewer", "newcomer") as client:
        document = client.get(f"/api/workflow/status/{started}").json()
    assert document["result"] == {"paid": True, "amount": 70}
    assert document["data"]["attachment"]["fileName"] == "receipt.txt"
    assert person.errors() == []


def test_a_page_follows_its_run_without_a_reload(console: Server, person: Person) -> None:
    tenant = "watcher"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=one_question("W", "Go on?"))
        person.signs_in(tenant, console.key("owner", tenant))
        person.sees("Nobody is waiting for you")
        person.driver.execute_script("window.kept = 'yes'")
        started = client.post("/api/workflow/start/w", json={"data": {}}).json()["runId"]
        person.sees("Go on?")
        assert person.driver.execute_script("return window.kept") == "yes"
        person.opens(f"/runs/{started}")
        person.sees("Go on?")
        person.driver.execute_script("window.kept = 'yes'")
        answer = {"type": "request_user_action", "actionId": "a", "actionValue": "approved"}
        client.post(f"/api/workflow/resume/{started}", json=answer).raise_for_status()
        person.waits(lambda: person.driver.find_elements(By.CSS_SELECTOR, "#facts .is-completed"))
        person.waits(
            lambda: person.driver.find_elements(
                By.CSS_SELECTOR, ".step.state-completed[data-step=e]"
            )
        )
        decided = person.driver.find_element(By.CSS_SELECTOR, "#pause [data-ending]").text
        assert decided.startswith("Approve\nby ")
        assert not person.driver.find_elements(By.CSS_SELECTOR, "#pause button")
        assert person.driver.execute_script("return window.kept") == "yes"


def test_text_being_written_survives_an_update_of_the_page(console: Server, person: Person) -> None:
    tenant = "writer"
    with console.client("owner", tenant) as client:
        document = {"name": "A", "initialStep": "a", "steps": [{"id": "a", "type": "collect-inputs", "output": {
                    "word": {"type": "string"}}}, {"id": "e", "type": "end-flow"}], "edges": [{"from": "a", "to": "e"}]}  # fmt: skip
        client.post("/api/workflows", json=document)
        client.post("/api/workflow/start/a", json={"data": {}})
        person.signs_in(tenant, console.key("owner", tenant))
        field = person.field("Word")
        field.send_keys("half a")
        client.post("/api/workflow/start/a", json={"data": {}})
        person.sees("1 new")
        field.send_keys(" sen")
        person.presses("1 new")
        person.waits(lambda: len(person.driver.find_elements(By.CSS_SELECTOR, "article.ask")) == 2)
        field.send_keys("tence")
        assert field.get_attribute("value") == "half a sentence"


def test_a_failed_run_is_repaired_from_the_step_that_failed(
    console: Server, person: Person
) -> None:
    tenant = "repairer"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=FAILS).raise_for_status()
        failed = client.post("/api/workflow/start/fragile", json={"data": {"port": 1}}).json()
        assert failed["status"] == "failed"
        person.signs_in(tenant, console.key("operator", tenant), f"/runs/{failed['runId']}")
        person.sees("Check the number")
        person.presses("Run again from a step…")
        assert person.field("Port").get_attribute("value") == "1"
        person.fills("Port", "5")
        person.driver.find_element(By.CSS_SELECTOR, "#rerun button.main").click()
        person.waits(lambda: failed["runId"] not in person.driver.current_url)
        person.sees("Again from step check")
        person.sees("completed")
        person.sees("Done before, by an earlier run")
        carried = person.driver.find_element(By.CSS_SELECTOR, ".step.carried[data-step=prepare]")
        assert carried.get_attribute("aria-label") == (
            "Prepare, call-tool, completed, by an earlier run"
        )
        assert not person.driver.find_elements(By.CSS_SELECTOR, ".carried[data-step=check]")
        document = settled(client, run_id(person))
    assert document["result"] == {"word": "prepared", "port": 5}
    history = document["stepExecutionHistory"]
    assert [entry["stepId"] for entry in history] == ["prepare", "check", "end"]
    assert history[0]["carriedFrom"] == failed["runId"]
    assert document["origin"]["runId"] == failed["runId"]


def test_a_viewer_can_read_but_not_act(console: Server, person: Person, scene: Scene) -> None:
    person.signs_in("acme", console.key("viewer", "acme"))
    person.sees("Whom shall we greet?")
    assert "Pay" not in [item.text for item in person.driver.find_elements(By.TAG_NAME, "button")]
    person.sees("Your role may look, but not answer.")
    person.opens("/settings/keys")
    person.sees("Your role may not do this")
    person.opens(f"/workflows/{scene.workflow}/edit")
    person.sees("Your role may not do this")


def test_another_tenant_sees_nothing_of_it(console: Server, person: Person, scene: Scene) -> None:
    person.signs_in("globex", console.key("owner", "globex"))
    person.sees("Nothing here yet")
    for path in (
        f"/runs/{scene.paused}",
        f"/workflows/{scene.workflow}",
        f"/workflows/{scene.workflow}/edit",
    ):
        person.opens(path)
        person.sees("There is nothing here")
        assert "Lovelace" not in person.driver.page_source
    person.opens("/runs")
    person.sees("No runs yet")


def test_a_link_answers_one_pause_and_only_by_its_button(console: Server, person: Person) -> None:
    tenant = "linker"
    with console.client("owner", tenant) as client:
        document = {"name": "L", "initialStep": "a", "steps": [{"id": "a", "type": "request-user-action",
                    "message": "May we?", "actions": [{"value": "yes", "label": "Yes"}, {"value": "no", "label": "No"}]},
                    {"id": "e", "type": "end-flow", "result": {"by": "{{ steps.a.output.answeredBy }}"}}],
                    "edges": [{"from": "a", "to": "e"}]}  # fmt: skip
        client.post("/api/workflows", json=document)
        started = client.post("/api/workflow/start/l", json={"data": {}}).json()["runId"]
        person.signs_in(tenant, console.key("operator", tenant))
        person.presses("Share a link…")
        person.fills("For whom", "Dr. Byron")
        person.presses("Make the link")
        shown = person.waits(lambda: person.driver.find_element(By.ID, "revealed")).text
        person.driver.delete_all_cookies()
        for _ in range(3):
            assert httpx.get(shown).status_code == 200
            assert httpx.head(shown).status_code == 200
        assert client.get(f"/api/workflow/status/{started}").json()["status"] == "paused"
        person.driver.get(shown)
        person.sees("May we?")
        person.presses("Yes")
        person.sees("Your answer is stored.")
        assert settled(client, started)["result"] == {"by": "link:Dr. Byron"}
        person.driver.get(shown)
        person.sees("Somebody has answered this already")
    assert urlsplit(shown).path not in console.log.read_text()


def test_a_key_is_shown_once_and_its_sessions_end_with_it(console: Server, person: Person) -> None:
    tenant = "keeper"
    person.signs_in(tenant, console.key("admin", tenant), "/settings/keys")
    person.fills("Name", "Bob <b>the builder</b>")
    assert "owner" not in [
        item.text for item in person.field("Role").find_elements(By.TAG_NAME, "option")
    ]
    person.presses("Make a key")
    key = person.waits(lambda: person.driver.find_element(By.ID, "revealed")).text
    assert key.startswith("sk_")
    person.presses("Close")
    person.sees("Bob <b>the builder</b>")
    assert key not in person.driver.page_source
    with httpx.Client(base_url=console.address) as bob:
        assert bob.post("/sign-in", data={"tenant": tenant, "credential": key}).status_code == 303
        assert bob.get("/runs").status_code == 200
        assert bob.get("/api/workflows").status_code == 200
        row = next(
            row for row in person.driver.find_elements(By.TAG_NAME, "tr") if "Bob" in row.text
        )
        row.find_element(By.CSS_SELECTOR, "button.danger").click()
        person.confirms()
        person.sees("disabled")
        assert bob.get("/runs").status_code == 303
        assert bob.get("/api/workflows").status_code == 401


def test_versions_are_compared_published_archived_and_restored(
    console: Server, person: Person
) -> None:
    tenant = "versions"
    with console.client("owner", tenant) as client:
        made = client.post("/api/workflows", json=FAILS).json()["id"]
    person.signs_in(tenant, console.key("editor", tenant), f"/workflows/{made}/edit")
    text = person.driver.execute_script("return document.getElementById('text').value")
    person.writes(
        "text", text.replace("Check the number", "Look at it").replace('"payload"', '"payload"')
    )
    person.sees("No problems")
    person.presses("Save")
    person.sees("version 1.0.1")
    person.presses("Changes")
    person.sees("Step check has changed: name.")
    assert person.driver.find_element(By.CSS_SELECTOR, ".diff .new").text.endswith(
        '"name": "Look at it",'
    )
    person.opens(f"/workflows/{made}")
    person.presses("Publish")
    person.sees("published")
    person.presses("Archive…")
    person.presses("Archive")
    person.presses("Bring it back")
    person.sees("Archive…")
    person.presses("Make a copy")
    person.sees("Fragile (Copy)")


def test_a_run_is_run_again_with_its_original_input(console: Server, person: Person) -> None:
    tenant = "again"
    flow = {"id": "f", "name": "F", "initialStep": "e", "payload": {"attachment": {"type": "file"}, "n": {"type": "integer"}},
            "steps": [{"id": "e", "type": "end-flow", "result": {"n": "{{ data.n }}", "name": "{{ data.attachment.fileName }}"}}]}  # fmt: skip
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=flow).raise_for_status()
        file = {"attachment": ("a.txt", b"x")}
        run = client.post("/api/workflow/start/f", files=file, data={"n": "4"}).json()["runId"]
        person.signs_in(tenant, console.key("operator", tenant), f"/runs/{run}")
        person.presses("Run again…")
        person.driver.find_element(By.CSS_SELECTOR, "#again button.main").click()
        person.waits(lambda: run not in person.driver.current_url)
        person.sees("completed")
        assert settled(client, run_id(person))["result"] == {"n": 4, "name": "a.txt"}


def test_files_are_uploaded_at_the_start_and_in_the_inbox_and_opened_on_the_page_of_the_run(
    console: Server, person: Person, tmp_path: Path
) -> None:
    tenant = "files"
    files = {
        name: tmp_path / f"{name.lower()}.png" for name in ("Policy", "Proof", "Front", "Back")
    }
    for name, file in files.items():
        file.write_bytes(b"\x89PNG " + name.encode())
    of_files = {"type": "file"}
    flow = {"id": "f", "name": "F", "initialStep": "a", "payload": {"policy": of_files, "proof": of_files}, "steps": [
            {"id": "a", "type": "collect-inputs", "message": "Show the damage", "output": {"front": of_files, "back": of_files}},
            {"id": "e", "type": "end-flow"}], "edges": [{"from": "a", "to": "e"}]}  # fmt: skip
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=flow).raise_for_status()
        person.signs_in(tenant, console.key("operator", tenant), "/workflows/f")
        curl = person.waits(lambda: person.driver.find_element(By.ID, "curl"))
        assert "-F policy=@document.pdf -F proof=@document.pdf" in curl.get_attribute("textContent")
        person.presses("Start")
        for name in ("Policy", "Proof"):
            person.fills(name, str(files[name]))
        person.driver.find_element(By.CSS_SELECTOR, "#start button.main").click()
        person.waits(lambda: "/runs/" in person.driver.current_url)
        run = run_id(person)
        person.opens("/inbox")
        person.sees("Show the damage")
        for name in ("Front", "Back"):
            person.fills(name, str(files[name]))
        person.presses("Send the answer")
        person.sees("Nobody is waiting for you")
        person.opens(f"/runs/{run}")
        for name, file in files.items():
            link = person.waits(lambda: person.driver.find_element(By.LINK_TEXT, name))  # noqa: B023
            address = urlsplit(link.get_attribute("href")).path
            assert client.get(address).content == file.read_bytes()


def test_signing_out_ends_the_session_here(console: Server, person: Person) -> None:
    person.signs_in("leaver", console.key("viewer", "leaver"))
    person.presses("Sign out")
    person.sees("With an API key and its tenant")
    person.opens("/runs")
    person.sees("With an API key and its tenant")
