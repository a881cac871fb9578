"""Appearance of the console: theme, tab icon, not-found pages, typeface, icons and chart."""

import json
import re
from html import unescape
from urllib.parse import unquote

import httpx
import pytest
from selenium.webdriver.common.by import By

from app.web.console.chart import HEIGHT, chart_of
from app.web.console.icons import BUILT, DRAWINGS
from app.web.console.rendering import STATIC_VERSION, browser
from tests.console.browser import Person
from tests.console.scene import Scene
from tests.console.test_access import sign_in
from tests.console.test_inbox import PAY
from tests.harness.server import Server

_LOOK = """
    const cell = document.querySelector('#runs td.headline');
    return [getComputedStyle(document.body).backgroundColor, parseFloat(getComputedStyle(cell).paddingTop)];
"""


def test_the_chosen_appearance_applies_at_once_and_on_every_page(
    console: Server, person: Person, scene: Scene
) -> None:
    person.signs_in("acme", console.key("viewer"), "/runs")
    light, roomy = person.driver.execute_script(_LOOK)
    person.opens("/settings/appearance")
    for name, value in (("theme", "dark"), ("density", "compact")):
        person.driver.find_element(By.CSS_SELECTOR, f"[name={name}][value={value}]").click()
    background = "return getComputedStyle(document.body).backgroundColor"
    dark = person.driver.execute_script(background)
    assert dark != light
    person.opens("/runs")
    after, tight = person.driver.execute_script(_LOOK)
    assert after == dark
    assert tight < roomy
    kept = person.driver.get_cookie("stepwell_look")
    assert kept is not None
    cookie = f"stepwell_look={kept['value']}"
    with httpx.Client(base_url=console.address) as browser:
        sign_in(browser, "acme", console.key("viewer"))
        session = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        shown = browser.get("/runs", headers={"cookie": f"{session}; {cookie}"}).text
        assert '<html lang="en" data-theme="dark" data-density="compact">' in shown
        hostile = {"cookie": f'{session}; stepwell_look=dark"><b>'}
        assert '<html lang="en">' in browser.get("/runs", headers=hostile).text
    person.driver.delete_cookie("stepwell_look")


def test_the_tab_icon_shows_the_number_of_open_pauses(console: Server, person: Person) -> None:
    tenant = "counter"
    icon = "return document.querySelector('link[rel=icon]').href"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=PAY).raise_for_status()
        person.signs_in(tenant, console.key("viewer", tenant))
        assert person.driver.execute_script(icon).endswith("mark.svg")
        for who in ("Ann", "Bob"):
            client.post("/api/workflow/start/pay", json={"data": {"who": who}}).raise_for_status()
        person.waits(lambda: ">2</text>" in unquote(person.driver.execute_script(icon)))
    assert person.errors() == []


def test_not_found_is_a_page_for_browsers_and_json_for_programs(console: Server) -> None:
    page = httpx.get(f"{console.address}/nothing", headers={"accept": "text/html"})
    assert (page.status_code, "There is nothing here" in page.text) == (404, True)
    assert 'href="/guide/docs/errors/#not-found"' in unescape(page.text)
    assert 'aria-label="Main"' not in page.text
    look = {"accept": "text/html", "cookie": "stepwell_look=dark."}
    assert 'data-theme="dark"' in httpx.get(f"{console.address}/nothing", headers=look).text
    assert 'data-theme="dark"' in httpx.get(f"{console.address}/sign-in", headers=look).text
    with httpx.Client(base_url=console.address) as browser:
        sign_in(browser, "acme", console.key("viewer"))
        for address in ("/nothing", "/runs/none", "/answer/none", "/form/none"):
            shown = browser.get(address, headers={"accept": "text/html"})
            assert (shown.status_code, 'aria-label="Main"' in shown.text) == (404, True), address
    program = httpx.get(f"{console.address}/nothing")
    assert (program.status_code, program.json()["error"]) == (404, "Not found")


def test_a_user_agent_is_shown_as_browser_and_system() -> None:
    edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0"  # fmt: skip
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.0 Safari/604.1"  # fmt: skip
    assert [browser(edge), browser(phone)] == ["Edge on Windows", "Safari on iOS"]
    assert browser("curl/8.5") == "curl/8.5"


def test_typeface_and_icons_are_served_with_the_page(console: Server, person: Person) -> None:
    if not BUILT.is_dir():
        pytest.skip("typeface and icons are missing: `make assets` could not fetch them")
    drawn = json.loads((BUILT / "icons.json").read_text())
    assert set(drawn) == DRAWINGS, "`make assets` makes what is missing"
    licenses = (BUILT / "LICENSES.txt").read_text()
    assert "SIL OPEN FONT LICENSE" in licenses
    assert "Lucide Icons and Contributors" in licenses
    address = f"/static/{STATIC_VERSION}/inter-latin.woff2"
    served = httpx.get(console.address + address, headers={"accept-encoding": "gzip"})
    assert (served.status_code, served.headers["content-type"]) == (200, "font/woff2")
    assert "content-encoding" not in served.headers, "it is compressed as it is"
    person.signs_in("acme", console.key("viewer"), "/inbox")
    script = person.driver.execute_script
    person.waits(lambda: script("return document.fonts.check('16px \"Inter Variable\"')"))
    assert script("return document.querySelector('link[rel=preload]').href").endswith(address)
    shown = script("return document.querySelector('.bar .icon').innerHTML")
    assert re.findall(r' d="[^"]+"', shown) == re.findall(r' d="[^"]+"', drawn["search"])
    # A page that was drawn without the typeface must not change when it arrives.
    faces = "return [...document.fonts].filter(f => f.family.includes('Inter')).map(f => f.display)"
    assert set(script(faces)) == {"optional"}
    assert person.errors() == []


def test_a_bar_of_the_chart_shows_one_failure_among_thousands_and_links_to_its_runs() -> None:
    hour = {"since": "2026-11-30T10:00:00.000Z", "until": "2026-11-30T11:00:00.000Z"}
    rest = {"since": "2026-11-30T11:00:00.000Z", "until": "2026-11-30T11:20:00.000Z"}
    chart = chart_of([{**hour, "runs": {"failed": 1, "completed": 1_999}}, {**rest, "runs": {}}])
    full, empty = chart["bars"]
    assert (chart["tallest"], full["label"], empty["label"]) == (
        2_000,
        "1,999 completed, 1 failed",
        "",
    )
    assert [part["status"] for part in full["parts"]] == ["completed", "failed"]
    assert full["parts"][1]["height"] >= HEIGHT / 100
    assert all(part["y"] >= 0 for part in full["parts"])
    assert full["link"] == "/runs?since=2026-11-30T10%3A00%3A00.000Z&until=2026-11-30T11%3A00%3A00.000Z"  # fmt: skip
    assert full["links"]["failed"].startswith("/runs?status=failed&since=")
    assert chart_of([])["tallest"] == 0
