from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.console.browser import Person, open_browser
from tests.console.scene import Scene, set_the_scene
from tests.harness.server import Server

METRICS_TOKEN = "counts-of-requests"
PLUGIN = Path(__file__).parents[1] / "harness" / "plugin.py"


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start one server for all tests of the console; each test uses its own tenant."""
    data = tmp_path_factory.mktemp("console") / "data"
    with Server(data, PLUGIN, STEPWELL_METRICS_TOKEN=METRICS_TOKEN) as running:
        running.key("owner")  # without an owner, pages redirect to the one that creates it
        yield running


@pytest.fixture(scope="session")
def chrome() -> Iterator[Chrome]:
    driver = open_browser()
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def scene(console: Server) -> Scene:
    return set_the_scene(console)


@pytest.fixture
def person(console: Server, chrome: Chrome) -> Person:
    chrome.get("about:blank")
    person = Person(chrome, console.address)
    person.errors()
    return person
