"""Accessibility of all pages of the console: contrast, labels, narrow screens and the keyboard."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from axe_core_python import selenium as axe_package
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.console.browser import Person
from tests.console.pages import pages
from tests.console.scene import Scene, one_question
from tests.harness.server import Server

AXE = (Path(axe_package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
FOUND = """
    const done = arguments[1];
    axe.run(document, {resultTypes: ["violations"], preload: false, ...arguments[0]}).then((found) => done(found.violations.map((one) =>
        [one.id, one.nodes[0].html.slice(0, 160), one.nodes[0].failureSummary.slice(0, 300)])), (wrong) => done([["axe", String(wrong), ""]]));
"""


GROUPS = ("agents", "runs", "settings", "workflows", "others")
NARROW = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
BEYOND = """
const panes = [...document.querySelectorAll("[data-pane]")];
return Math.max(document.documentElement.scrollWidth - 360, ...panes.map((pane) => pane.scrollWidth - pane.clientWidth));
"""


def group_of(path: str) -> str:
    first = path[1:].partition("/")[0].partition("?")[0]
    return first if first in GROUPS else "others"


def faults(person: Person, scheme: str, rules: dict[str, Any]) -> list[list[str]]:
    """Return what axe finds on the page in light or dark, each with its rule and its place."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    person.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    return [*person.driver.execute_async_script(FOUND, rules)]


def too_wide_for_a_narrow_screen(person: Person, paths: list[str]) -> dict[str, int]:
    """Return the pages that are too wide there, or have a pane that is, and by how many pixels.

    All are opened on one narrow screen: another width for an open page costs more than to open it.
    """
    person.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", NARROW)
    try:
        beyond = {}
        for path in paths:
            person.opens(path)
            beyond[path] = int(person.driver.execute_script(BEYOND))
        return {path: pixels for path, pixels in beyond.items() if pixels > 0}
    finally:
        person.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("group", GROUPS)
def test_no_page_has_an_accessibility_fault_in_light_or_dark_or_is_too_wide(
    console: Server, person: Person, scene: Scene, group: str
) -> None:
    looked_at = [path for path in pages(scene) if group_of(path) == group]
    assert looked_at
    person.signs_in("acme", console.key("owner"))
    too_wide = too_wide_for_a_narrow_screen(person, looked_at)
    found: list[Any] = []
    for path in looked_at:
        person.opens(path)
        if path.startswith("/runs"):
            person.driver.execute_script(
                "document.querySelectorAll('details').forEach(d => d.open = true)"
            )
        person.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE})
        assert "That did not work" not in person.driver.title, path
        found += [(path, "light", *fault) for fault in faults(person, "light", {})]
        # All other rules have the same result in both.
        contrast = {"runOnly": ["color-contrast"]}
        found += [(path, "dark", *fault) for fault in faults(person, "dark", contrast)]
    person.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert (found, too_wide) == ([], {})


def test_the_accessibility_check_finds_faults(person: Person) -> None:
    person.driver.get("data:text/html,<html><body><input><img src='x'></body></html>")
    person.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE})
    result = person.driver.execute_async_script("axe.run(document).then(arguments[0])")
    assert {"label", "image-alt"} <= {item["id"] for item in result["violations"]}


WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts.push(...entry.sources.map((item) => item.node?.textContent.slice(0, 60)));
}).observe({ type: "layout-shift", buffered: true });
"""
SHOWN = """
const done = arguments[0];
const look = () => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(window.shifts))));
if (document.readyState === "complete") look(); else addEventListener("load", look);
"""


def test_the_layout_does_not_shift_after_a_page_is_shown(
    console: Server, person: Person, scene: Scene
) -> None:
    person.signs_in("acme", console.key("owner"))
    watching = person.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": WATCH}
    )
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    person.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    moved = {}
    try:
        for path in ("/runs", f"/runs/{scene.failed}", f"/runs/{scene.completed}", "/workflows", f"/agents/{scene.agent}",
                     f"/workflows/{scene.workflow}", "/settings/keys", "/settings/health"):  # fmt: skip
            person.opens(path)
            moved[path] = person.driver.execute_async_script(SHOWN)
    finally:
        person.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        person.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", watching)
    assert {path: shifts for path, shifts in moved.items() if shifts} == {}


def test_a_pause_can_be_answered_by_keyboard_alone(console: Server, person: Person) -> None:
    tenant = "keys-only"
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=one_question("K", "By key?"))
        client.post("/api/workflow/start/k", json={"data": {}})
    person.signs_in(tenant, console.key("operator", tenant))
    person.sees("By key?")
    body = person.driver.switch_to.active_element
    for _ in range(40):
        body.send_keys(Keys.TAB)
        body = person.driver.switch_to.active_element
        if body.get_attribute("name") == "actionValue":
            break
    outline = body.value_of_css_property("outline-style")
    assert (body.get_attribute("name"), outline) == ("actionValue", "solid")
    body.send_keys(Keys.ENTER)
    person.sees("Nobody is waiting for you")


_FOCUSED = """
    const at = document.activeElement;
    return [Boolean(at.closest("dialog[open]")), at.name || at.dataset.dialog || at.textContent.trim()];
"""


def test_the_focus_goes_into_a_dialog_to_its_first_field_and_back_to_what_opened_it(
    console: Server, person: Person, scene: Scene
) -> None:
    """A part of the page that has been drawn anew meanwhile has the focus again too."""
    person.signs_in("acme", console.key("owner"))
    dialogs = {
        f"/runs/{scene.retrying}": {"change-data": "others", "skip": "others", "hold": "reason"},
        f"/runs/{scene.paused}": {"change-data": "data.customer", "terminate": "reason"},
        f"/runs/{scene.failed}": {"again": "version", "rerun": "stepId"},
        "/settings/triggers/claims": {"change": "definition"},
        f"/settings/webhooks/{scene.webhook}": {"change": "name", "delete": "Cancel"},
    }
    driver, found, missed = person.driver, {}, []
    for path, expected in dialogs.items():
        person.opens(path)
        found[path] = dict.fromkeys(expected, "")
        for name, first in expected.items():
            button = driver.find_element(By.CSS_SELECTOR, f"[data-dialog={name}]")
            button.send_keys(Keys.ENTER)
            with suppress(TimeoutException):  # fields come from the server
                person.waits(lambda: driver.execute_script(_FOCUSED) == [True, first], 20)  # noqa: B023
            found[path][name] = driver.execute_script(_FOCUSED)[1]
            driver.execute_script("arguments[0].replaceWith(arguments[0].cloneNode(true))", button)
            driver.switch_to.active_element.send_keys(Keys.ESCAPE)
            try:
                person.waits(lambda: driver.execute_script(_FOCUSED) == [False, name], 20)  # noqa: B023
            except TimeoutException:
                missed.append((path, name))
    assert (found, missed) == (dialogs, [])


_SEND_UNCHECKED = """
    const form = document.querySelector(arguments[0]);
    form.noValidate = true;
    form.requestSubmit();
"""
_ANNOUNCED = """
    const [field] = document.querySelectorAll("[aria-invalid=true]");
    const words = (field?.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id));
    return [document.activeElement === field, words.some((one) => one?.matches("[role=alert], .wrong") && one.checkVisibility())];
"""


def test_errors_are_announced_at_their_field_and_have_no_accessibility_fault(
    console: Server, person: Person, scene: Scene
) -> None:
    driver = person.driver

    def wrong_key() -> None:
        driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        person.opens("/sign-in?key")
        person.fills("Key or token", "sk_wrong")
        person.presses("Sign in")

    def unchecked(path: str, form: str) -> None:
        person.opens(path)
        driver.execute_script(_SEND_UNCHECKED, form)

    def in_a_dialog() -> None:
        person.opens(f"/runs/{scene.paused}")
        person.presses("Change data…")
        person.fills("Amount", "-1")
        driver.execute_script(_SEND_UNCHECKED, "#change-data form")

    found: dict[str, Any] = {}
    states = {
        "sign-in": wrong_key,
        "invitation": lambda: unchecked(scene.invitation, "form"),
        "form": lambda: unchecked(scene.form, "form"),
        "start": lambda: unchecked(f"/workflows/{scene.workflow}/start", "#start"),
        "dialog": in_a_dialog,
    }
    for name, enter in states.items():
        if name == "start":
            person.signs_in("acme", console.key("owner"))
        enter()
        with suppress(TimeoutException):
            person.waits(lambda: driver.execute_script(_ANNOUNCED) == [True, True])
        driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE})
        announced = driver.execute_script(_ANNOUNCED)
        found[name] = [announced if all(announced) else person.text, *faults(person, "light", {}),
                       *faults(person, "dark", {"runOnly": ["color-contrast"]})]  # fmt: skip
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    person.errors()
    wrong = {name: shown for name, shown in found.items() if shown != [[True, True]]}
    assert wrong == {}, repr(wrong)
