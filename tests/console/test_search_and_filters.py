"""Finding runs and pages: filters, sorting, saved views and the search of the console."""

import httpx
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from app.auth.roles import Role
from app.web.console.places import ACTIONS, PAGES
from tests.console.browser import Person
from tests.console.scene import Scene
from tests.console.test_access import sign_in
from tests.harness.echo import Echo
from tests.harness.processes import command
from tests.harness.server import Server


def names(person: Person, rows: str) -> list[str]:
    found = person.driver.find_elements(By.CSS_SELECTOR, f"#runs {rows} .headline > a:first-child")
    return [str(item.get_attribute("href")).rpartition("/")[2] for item in found]


def test_child_runs_are_collapsed_and_expanded_in_place(
    console: Server, person: Person, scene: Scene
) -> None:
    person.signs_in("acme", console.key("operator"), "/runs")
    person.sees("12 child runs")
    shown = names(person, "tbody tr")
    assert scene.batch in shown
    person.presses("12 child runs")
    person.waits(lambda: len(names(person, "tr.child")) == 12)
    assert not set(names(person, "tr.child")) & set(shown)
    with console.client() as client:
        started = client.post("/api/workflow/start/greeting", json={"data": {}}).json()["runId"]
    person.presses("1 new")
    person.waits(lambda: started in names(person, "tbody tr"))
    assert len(names(person, "tr.child")) == 12, "what came left them open"
    person.presses("12 child runs")
    person.waits(lambda: not names(person, "tr.child"))
    person.presses("Took")
    person.waits(lambda: "sort=-duration" in person.driver.current_url)
    person.driver.find_element(By.CSS_SELECTOR, ".more-filters summary").click()
    for name in ("Step", "Started"):
        person.driver.find_element(By.CSS_SELECTOR, f"[name=columns][value={name.lower()}]").click()
    person.presses("Filter")
    person.waits(lambda: "columns=" in person.driver.current_url)
    heads = person.driver.find_elements(By.CSS_SELECTOR, "#runs th:not(.tick)")
    assert [head.text.rstrip("\u2193") for head in heads if head.text] == [
        "Run",
        "Workflow",
        "Status",
        "Took",
    ]
    assert (
        person.driver.find_element(By.CSS_SELECTOR, "th[aria-sort=descending]").text[:4] == "Took"
    )
    assert person.errors() == []


def test_a_wrong_filter_shows_its_error_and_keeps_the_list(console: Server, scene: Scene) -> None:
    with httpx.Client(base_url=console.address) as browser:
        sign_in(browser, "acme", console.key("owner"))
        answer = browser.get("/runs", params={"longerThan": "soon", "status": "failed"})
        assert answer.status_code == 200
        assert 'aria-describedby="longerThan-wrong"' in answer.text
        assert "must be a duration" in answer.text
        assert f"/runs/{scene.failed}" in answer.text
        assert scene.completed not in answer.text
        for path in ("/overview?period=ever", "/workflows?status=x", "/agents?offset=-1", "/search?q=" + "x" * 300,
                     "/runs?none=1", "/settings/webhooks/" + scene.webhook + "?status=x"):  # fmt: skip
            reported = browser.get(path)
            assert (reported.status_code, "notice bad" in reported.text) in (
                (200, True),
                (403, False),
            ), path


def test_the_search_finds_all_pages_and_actions_of_a_role(console: Server, scene: Scene) -> None:
    for role in ("viewer", "operator", "editor", "admin", "owner"):
        with httpx.Client(base_url=console.address, follow_redirects=True) as browser:
            sign_in(browser, "acme", console.key(role))
            named = [one for one in (*PAGES, *ACTIONS) if Role(role).includes(one.role)]
            for place in named:
                reported = browser.get("/search", params={"q": place.name})
                assert place.name in reported.text.partition('id="found"')[2], (role, place.name)
                if place.path and place.path != "/guide":  # the guide is built separately
                    assert browser.get(place.path.partition("#")[0]).status_code == 200, (
                        role,
                        place.name,
                    )
            reported = browser.get("/search", params={"q": "Hold all runs"})
            assert ("#hold" in reported.text) == (role != "viewer")
            assert "Nothing fits" in browser.get("/search", params={"q": "no-such-thing"}).text


def test_the_search_works_in_place_by_keyboard(
    console: Server, person: Person, scene: Scene
) -> None:
    person.signs_in("acme", console.key("operator"), "/workflows")
    person.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    field = person.driver.switch_to.active_element
    assert field.get_attribute("name") == "q"
    field.send_keys("pause all")
    person.sees("Hold all runs")
    assert "/workflows" in person.driver.current_url
    field.send_keys(Keys.ARROW_DOWN)
    link = person.driver.switch_to.active_element
    assert link.text == "Hold all runs"
    link.send_keys(Keys.ESCAPE)
    assert person.driver.switch_to.active_element == field
    assert "Hold all runs" not in person.text
    field.send_keys(" r")
    person.sees("Hold all runs")
    field.send_keys(Keys.ARROW_DOWN)
    person.driver.switch_to.active_element.send_keys(Keys.ENTER)
    person.sees("There is no filter: this means every run of acme that has not ended")
    assert person.errors() == []


def test_a_saved_view_is_visible_to_its_creator_only(
    console: Server, person: Person, scene: Scene
) -> None:
    with console.client("viewer") as client, console.client("viewer") as other:
        asked = {"query": {"status": "failed", "sort": "-duration"}, "columns": ["status", "took"]}
        kept = client.put("/api/views/Slow%20failures", json=asked).json()
        assert client.put("/api/views/Slow%20failures", json=kept).status_code == 200
        assert [view["name"] for view in client.get("/api/views").json()] == ["Slow failures"]
        for wrong in ({"query": {"status": "x"}}, {"query": {"cursor": "1.1"}}, {"columns": ["x"]}):
            assert client.put("/api/views/x", json=wrong).status_code == 400
        if other.headers["x-api-key"] != client.headers["x-api-key"]:
            assert other.get("/api/views").json() == []
        assert client.delete("/api/views/Slow%20failures").status_code == 200
        assert client.delete("/api/views/Slow%20failures").json()["error"] == "View not found"
    with console.client("admin") as admin:
        entries = admin.get("/api/audit", params={"limit": 50}).json()["entries"]
        noted = [one["action"] for one in entries if one["target"].startswith("/api/views/Slow")]
        assert noted == ["deleteView", "putView", "putView"], "only what was done"
    viewer = ["--url", console.address, "--key", console.key("viewer"), "--tenant", "acme"]
    for verb in (["save", "Ended", "status=failed", "sort=-endTime"], ["list"], ["runs", "Ended"]):
        reported = command("view", *verb, *viewer)
    assert next(run["runId"] for run in reported) == scene.rerun
    command("view", "delete", "Ended", *viewer)
    person.signs_in("acme", console.key("operator"), "/runs?status=failed&sort=-endTime")
    person.presses("Save this view\u2026")
    person.fills("Name", "What failed last")
    person.presses("Save")
    person.sees("The view is saved.")
    person.opens("/runs")
    person.presses("What failed last")
    person.waits(lambda: "status=failed" in person.driver.current_url)
    person.sees("Delete this view")
    assert names(person, "tbody tr")[0] == scene.rerun
    person.presses("Delete this view")
    person.waits(lambda: "What failed last" not in person.text)
    assert person.errors() == []


def test_failed_runs_after_an_outage_are_repaired_in_few_clicks(
    console: Server, person: Person
) -> None:
    """An operator finds the failed runs of a customer, sees why, and repairs them in bulk."""
    tenant, clicks = "outage", 0
    with Echo() as echo, console.client("owner", tenant) as client:
        pay = {
            "id": "pay",
            "type": "call-api",
            "name": "Pay",
            "method": "POST",
            "url": "http://127.0.0.1:9/pay",
        }
        end = {"id": "end", "type": "end-flow"}
        flow = {"id": "payments", "name": "Payments", "title": "Payment of {{ data.customer }}", "labels": {"customer": "{{ data.customer }}"},
                "initialStep": "pay", "steps": [pay, end], "edges": [{"from": "pay", "to": "end"}]}  # fmt: skip
        client.post("/api/workflows", json=flow).raise_for_status()
        started = [
            client.post("/api/workflow/start/payments", json={"data": {"customer": name}}).json()[
                "runId"
            ]
            for name in ("Mullins", "Okafor", "Mullins")
        ]
        steps = [{**pay, "url": f"{echo.address}/200"}, end]
        client.put("/api/workflows/payments", json={"steps": steps}).raise_for_status()
        person.signs_in(tenant, console.key("operator", tenant), "/overview")

        def press(label: str) -> None:
            nonlocal clicks
            clicks += 1
            person.presses(label)

        person.driver.find_element(By.CSS_SELECTOR, "[data-find]").send_keys("mullins\n")
        person.waits(lambda: "/search" in person.driver.current_url)
        press("Payment of Mullins")
        person.sees("ConnectionFailed in step pay")
        person.sees("Connection refused")
        press("Overview")
        press("3")
        person.sees("With all that match:")
        press("Run again\u2026")
        person.sees("3 runs match the filter")
        person.fills("Version", "latest")
        person.fills("Reason", "the bank is up again")
        person.fills("Type", "3")
        press("Run again: 3 runs")
        person.sees("3 runs were run again.")
        done = {"status": "completed"}
        person.waits(
            lambda: (
                len(client.get("/api/workflow/runs", params=done).json()["runs"]) == len(started)
            )
        )
    assert clicks <= 5
