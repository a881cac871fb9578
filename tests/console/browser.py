"""A real headless Chromium, used as a person would use it."""

import math
import os
import shutil
import time
from typing import Any

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

PATIENCE_S = 60
_SEEN = """
    const label = arguments[0];
    const seen = [...document.querySelectorAll(WHAT)].filter(
        item => item.checkVisibility({opacityProperty: true, visibilityProperty: true})
    );
    const lineOf = item => (item.innerText ?? item.textContent).trim().split("\\n")[0];
"""
"""Finds the visible elements by one script instead of two queries for each element."""

_FIELD = (
    _SEEN.replace("WHAT", "'label'")
    + """
    const found = seen.find(item => lineOf(item).startsWith(label));
    return found ? document.getElementById(found.htmlFor) : null;
"""
)
_BUTTON = (
    _SEEN.replace("WHAT", "'button, a'")
    + """
    const found = seen.find(item => lineOf(item) === label);
    if (found) found.scrollIntoView({block: "center"});
    return found || null;
"""
)
_MIDDLE = "const at = arguments[0].getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]"
_NEAR_PX, _ONE_GESTURE_S = 60, 0.7
"""A little more than the distance and time within which the console ignores a second press."""

_CHROMIUM = (
    "/usr/lib/chromium/chromium-headless-shell", "chromium-headless-shell", "chromium", "chromium-browser",
    "google-chrome",
)  # fmt: skip
"""The shell has no windows, only what shows pages, and takes half the processor time for them.

Debian's script of that name starts the shell as its child, which the driver would leave behind.
"""


def found(*names: str) -> str:
    """Return the path of a program, or fail and say what to install."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise AssertionError(
        f"{names[0]} is not installed: apt-get install -y chromium-driver chromium-headless-shell"
    )


def open_browser(width: int = 1280, height: int = 900, *more: str) -> Chrome:
    """Start a browser that sends requests to the server under test only.

    It has one process for all pages of a server, instead of a new one for each page that is opened,
    and none of its own for drawing. Its profile is a new one, which the driver removes at the end.
    """
    os.environ["SE_OFFLINE"] = "true"
    options = ChromeOptions()
    options.binary_location = found(*_CHROMIUM)
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server", "--lang=en-GB",
        "--process-per-site", "--in-process-gpu",
        f"--window-size={width},{height}", *more,
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options, Service(found("chromedriver")))


class Person:
    """A person at the browser, who reads text, fills in labelled fields and presses buttons."""

    def __init__(self, driver: Chrome, address: str) -> None:
        self.driver = driver
        self.address = address
        self._pressed: tuple[tuple[float, float] | None, float] = (None, 0.0)

    def opens(self, path: str) -> None:
        self.driver.get(f"{self.address}{path}")

    def signs_in(self, tenant: str, key: str, back: str = "/inbox") -> None:
        self.driver.delete_all_cookies()
        self.opens(f"/sign-in?key&next={back}")
        self.fills("Tenant", tenant)
        self.fills("Key or token", key)
        self.presses("Sign in")
        self.waits(lambda: "/sign-in" not in self.driver.current_url)

    def waits(self, condition: Any, within: float = PATIENCE_S) -> Any:
        """Return the first true result of the condition; raises TimeoutException.

        Each look costs the browser more than 10 ms of processor time, so there are ever fewer.
        """
        until, pause_s = time.monotonic() + within, 0.03
        while not (result := self._tries(condition)):
            if time.monotonic() > until:
                raise TimeoutException
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.3, 0.25)
        return result

    @staticmethod
    def _tries(condition: Any) -> Any:
        from selenium.common.exceptions import (
            ElementNotInteractableException,
            NoSuchElementException,
            StaleElementReferenceException,
            WebDriverException,
        )

        try:
            return condition()
        except (
            StaleElementReferenceException,
            WebDriverException,  # the page is replaced while it is read
            NoSuchElementException,
            ElementNotInteractableException,
        ):
            return None

    def sees(self, text: str, within: float = PATIENCE_S) -> None:
        try:
            self.waits(lambda: text in self.text, within)
        except Exception as missing:
            raise AssertionError(
                f"{text!r} is not on {self.driver.current_url}:\n{self.text}"
            ) from missing

    @property
    def text(self) -> str:
        return str(self.driver.execute_script("return document.body.innerText"))

    def field(self, label: str) -> WebElement:
        found_field = self.waits(lambda: self.driver.execute_script(_FIELD, label))
        assert isinstance(found_field, WebElement)
        return found_field

    def fills(self, label: str, value: str) -> None:
        field = self.field(label)
        if field.tag_name == "select":
            Select(field).select_by_visible_text(value)
        elif field.get_attribute("type") == "file":
            field.send_keys(value)
        else:
            field.clear()
            field.send_keys(value)

    def writes(self, label: str, value: str) -> None:
        """Set the text of a field at once, as pasting does."""
        field = self.driver.find_element(By.ID, label)
        script = "arguments[0].value=arguments[1];arguments[0].dispatchEvent(new Event('input',{bubbles:true}))"
        self.driver.execute_script(script, field, value)

    def presses(self, label: str) -> None:
        def press() -> bool:
            item = self.driver.execute_script(_BUTTON, label)
            if item is None:
                return False
            self._lifts_the_finger(item)
            item.click()
            # The time after the click: on a busy machine the click itself may take long.
            self._pressed = (self._pressed[0], time.monotonic())
            return True

        try:
            self.waits(press)
        except Exception as missing:
            raise AssertionError(
                f"no button {label!r} on {self.driver.current_url}:\n{self.text}"
            ) from missing

    def confirms(self) -> None:
        """Press the button of the open question whether it is meant, which says what is done."""

        def press() -> bool:
            item = self.driver.find_element(By.CSS_SELECTOR, "dialog[open] button[value=yes]")
            self._lifts_the_finger(item)
            item.click()
            return True

        self.waits(press)

    def _lifts_the_finger(self, item: WebElement) -> None:
        """Wait before a second press at the same place, so that it counts as a new gesture."""
        x, y = self.driver.execute_script(_MIDDLE, item)
        place, (before, at) = (float(x), float(y)), self._pressed
        if before and math.dist(before, place) < _NEAR_PX:
            time.sleep(max(0.0, at + _ONE_GESTURE_S - time.monotonic()))
        self._pressed = (place, time.monotonic())

    def errors(self) -> list[str]:
        """Return the errors that the browser has logged since the last call."""
        lines: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call] # selenium
        return [str(line["message"]) for line in lines if line["level"] == "SEVERE"]
