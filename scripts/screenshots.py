"""Take a picture of every page of the console: light, dark, wide, narrow and compact.

With `--docs`, take the small ones for README.md and docs/console.md, into docs/images.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[1]))

from app.web.console.appearance import COOKIE
from scripts.palette import with_palette
from tests.console.browser import Person, open_browser
from tests.console.scene import Scene, set_the_scene
from tests.harness.server import Server

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "tests" / "harness" / "plugin.py"
LOOKS = {
    "light": (1280, 860, "light"),
    "dark": (1280, 860, "dark"),
    "wide": (1920, 1080, "light"),
    "narrow": (390, 844, "light"),
    "compact": (1280, 860, "light"),
}
DOCS = {
    "run": ("run-failed", "light", 1034),
    "inbox": ("inbox", "light", 900),
    "editor": ("edit-wrong", "light", 720),
    "workflow": ("workflow", "light", 860),
    "rerun": ("run-again", "light", 1096),
    "children": ("run-batch", "light", 1330),
    "compare": ("compare", "light", 470),
    "agent": ("agent", "light", 940),
    "webhook": ("webhook", "light", 860),
    "phone": ("inbox", "narrow", 844),
    "overview": ("overview", "light", 620),
    "runs": ("runs", "light", 760),
    "search": ("search", "light", 620),
    "workflows": ("workflows", "light", 520),
    "start": ("start", "light", 640),
    "trigger": ("trigger", "light", 700),
    "people": ("people", "light", 520),
    "dark": ("run-failed", "dark", 860),
    "agents": ("agents", "light", 420),
    "edit-agent": ("edit-agent", "light", 720),
    "answer": ("answer", "light", 480),
    "sign-in": ("sign-in", "light", 560),
    "nothing": ("nothing", "light", 360),
    "form": ("form", "light", 760),
    "checks": ("checks", "light", 420),
    "request": ("request", "light", 520),
    "invitation": ("invitation", "light", 560),
} | {
    name: (name, "light", 520)
    for name in (
        "appearance", "passkeys", "sessions", "keys", "tokens", "audit", "schedules", "schedule",
        "triggers", "signals", "variables", "secrets", "models", "budgets", "tools", "webhooks",
        "retention", "health",
    )
}  # fmt: skip
"""The pictures in docs/images: page, appearance and height."""


def pages(scene: Scene) -> dict[str, str]:
    """Return the path of each page by name."""
    return {
        "inbox": "/inbox",
        "runs": "/runs",
        "many-runs": "/runs?status=paused",
        "overview": "/overview",
        "search": "/search?q=claim",
        "run-paused": f"/runs/{scene.paused}",
        "run-failed": f"/runs/{scene.failed}",
        "run-again": f"/runs/{scene.rerun}",
        "run-batch": f"/runs/{scene.batch}",
        "run-retrying": f"/runs/{scene.retrying}",
        "run-agent": f"/runs/{scene.agent_run}",
        "run-completed": f"/runs/{scene.completed}",
        "workflows": "/workflows",
        "workflow": f"/workflows/{scene.workflow}",
        "start": f"/workflows/{scene.workflow}/start",
        "edit": f"/workflows/{scene.workflow}/edit",
        "edit-wrong": f"/workflows/{scene.workflow}/edit",
        "compare": f"/workflows/{scene.workflow}/compare?before=1.0.0",
        "agents": "/agents",
        "agent": f"/agents/{scene.agent}",
        "edit-agent": f"/agents/{scene.agent}/edit",
        "checks": f"/agents/{scene.agent}/checks",
        "appearance": "/settings/appearance",
        "people": "/settings/people",
        "sessions": "/settings/sessions",
        "audit": "/settings/audit",
        "passkeys": "/settings/passkeys",
        "keys": "/settings/keys",
        "tokens": "/settings/tokens",
        "models": "/settings/models",
        "budgets": "/settings/budgets",
        "variables": "/settings/variables",
        "schedules": "/settings/schedules",
        "schedule": "/settings/schedules/nightly",
        "signals": "/settings/signals",
        "secrets": "/settings/secrets",
        "tools": "/settings/tools",
        "webhooks": "/settings/webhooks",
        "webhook": f"/settings/webhooks/{scene.webhook}",
        "triggers": "/settings/triggers",
        "trigger": "/settings/triggers/claims",
        "retention": "/settings/retention",
        "health": "/settings/health",
        "nothing": "/nothing",
        "answer": scene.link,
        "form": scene.form,
        "request": f"/settings/triggers/claims/firings/{quote(scene.firing)}",
        "first-owner": "/first-owner",
        "invitation": scene.invitation,
        "empty": "/inbox",
        "sign-in": "/sign-in",
    }


def main() -> None:
    """Write the pictures into the given folder, or into build/screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "build" / "screenshots")
    parser.add_argument("only", nargs="*", help="the pages to take; all without any")
    parser.add_argument("--docs", action="store_true", help="write docs/images instead")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    with Server(work / "data", PLUGIN) as server:
        scene = set_the_scene(server)
        for look, (width, height, scheme) in LOOKS.items():
            driver = open_browser(width, height)
            try:
                person = Person(driver, server.address)
                _look(driver, width, height, scheme)
                person.signs_in("acme", server.key("owner"))
                if look == "compact":
                    driver.add_cookie({"name": COOKIE, "value": look})
                if options.docs:
                    _take_docs(person, scene, look, options.only)
                    continue
                options.folder.mkdir(parents=True, exist_ok=True)
                for name, path in pages(scene).items():
                    if not options.only or name in options.only:
                        _take(person, server, name, path, options.folder / f"{name}-{look}.png")
            finally:
                driver.quit()


def _take_docs(person: Person, scene: Scene, look: str, only: list[str]) -> None:
    width, _, scheme = LOOKS[look]
    for name, (page, wanted, height) in DOCS.items():
        if wanted != look or (only and name not in only):
            continue
        _look(person.driver, width, height, scheme)
        _show(person, page, pages(scene)[page])
        file = ROOT / "docs" / "images" / f"{name}.png"
        file.write_bytes(with_palette(person.driver.get_screenshot_as_png()))
        print(file)


def _look(driver: Any, width: int, height: int, scheme: str) -> None:
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < height},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def _take(person: Person, server: Server, name: str, path: str, file: Path) -> None:
    if name == "empty":
        person.signs_in("new-customer", server.key("owner", "new-customer"))
    _show(person, name, path)
    person.driver.save_screenshot(str(file))
    print(file)


def _show(person: Person, name: str, path: str) -> None:
    """Open a page, produce the error to be shown in the editor, and wait for the page to settle."""
    person.opens(path)
    time.sleep(0.6)
    if name == "edit-wrong":
        text = person.driver.execute_script("return document.getElementById('text').value")
        person.writes("text", str(text).replace("request-user-action", "request-user-actoin"))
        find = "document.querySelector('#problems [data-line]')"
        person.waits(lambda: person.driver.execute_script(f"return !!{find}"))
        person.driver.execute_script(f"{find}.click()")
        time.sleep(0.3)
    if name == "many-runs":
        person.presses("Terminate…")
        person.sees("match the filter")


if __name__ == "__main__":
    main()
