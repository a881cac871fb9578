"""Runs are found, ordered and folded on the page of runs, and a wrong filter is said beside it."""

from selenium.webdriver.common.by import By

from tests.console.browser import Person
from tests.console.scene import Scene
from tests.console.test_access import sign_in
from tests.harness.server import Server


def names(person: Person, rows: str) -> list[str]:
    found = person.driver.find_elements(By.CSS_SELECTOR, f"#runs {rows} .told > a:first-child")
    return [str(item.get_attribute("href")).rpartition("/")[2] for item in found]


def test_child_runs_are_folded_and_opened_in_place(
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


def test_a_wrong_filter_is_said_beside_it_and_the_list_is_kept(
    console: Server, scene: Scene
) -> None:
    import httpx

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
            told = browser.get(path)
            assert (told.status_code, "notice bad" in told.text) in ((200, True), (403, False)), (
                path
            )
