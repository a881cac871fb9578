"""The guide at `/guide`, built as `make guide` builds it, read and searched in a browser."""

import html
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from axe_core_python import selenium as axe_package

from tests.console.browser import Person
from tests.harness.server import Server

AXE = (Path(axe_package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]
LINK = re.compile(r'(?:href|src)="([^"]+)"')


@pytest.fixture(scope="module", autouse=True)
def _guide() -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "guide.py", "--strict"], check=True)


def test_all_links_of_the_guide_work(console: Server) -> None:
    with httpx.Client(base_url=console.address) as client:
        assert client.get("/guide").headers["location"] == "guide/README/"
        left, seen = ["/guide/README/"], {"/guide/README/"}
        while left:
            address = left.pop()
            answer = client.get(address)
            assert answer.status_code == 200, address
            if not answer.headers["content-type"].startswith("text/html"):
                continue
            for found in LINK.findall(answer.text):
                link = urlsplit(urljoin(address, html.unescape(found)))
                if not link.netloc and link.path.startswith("/guide/") and link.path not in seen:
                    seen.add(link.path)
                    left.append(link.path)
        assert len([path for path in seen if path.endswith("/")]) > 60
        refused = client.get("/api/workflow/nothing").headers["link"]
        help_page = urlsplit(refused.partition(">")[0].removeprefix("<"))
        assert f'id="{help_page.fragment}"' in client.get(help_page.path).text


def test_no_file_outside_the_guide_is_served(console: Server) -> None:
    with httpx.Client(base_url=console.address) as client:
        for path in (
            "/guide/../pages.py", "/guide/%2e%2e/pages.py", "/guide/..%2fpages.py", "/guide//etc/passwd",
            "/guide/%00", "/guide/docs/%00/", "/guide/" + "a" * 5_000, "/guide/nothing/", "/guidebook",
        ):  # fmt: skip
            answer = client.get(path)
            assert answer.status_code == 404, path
            assert answer.headers["content-type"] == "application/json"
        folder = client.get("/guide/docs/api", headers={"host": "evil.example"})
        assert (folder.status_code, folder.headers["location"]) == (308, "api/")
        assert client.post("/guide/README/").status_code == 405
        page = client.get("/guide/docs/api/")
        again = client.get("/guide/docs/api/", headers={"if-none-match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_a_page_is_found_by_its_words(person: Person, console: Server) -> None:
    chrome = person.driver
    chrome.get(f"{console.address}/guide/")
    assert chrome.find_elements("css selector", "a[href*='tutorials/browser']")
    chrome.get(f"{console.address}/guide/search/?q=idempotency")
    until = time.monotonic() + 30
    while not chrome.find_elements("css selector", "#search-results li a"):
        assert time.monotonic() < until
        time.sleep(0.1)
    links = [
        each.get_attribute("href")
        for each in chrome.find_elements("css selector", "#search-results li a")
    ]
    assert any("/docs/errors/" in str(link) for link in links), links
    for page in ("", "docs/errors/", "docs/how-to/ask-a-person/"):
        chrome.get(f"{console.address}/guide/{page}")
        chrome.execute_script(AXE)
        found = chrome.execute_async_script(
            "axe.run({runOnly: ['wcag2a', 'wcag2aa'], resultTypes: ['violations']}).then(arguments[0])"
        )["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []
    assert person.errors() == []
