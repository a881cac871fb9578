"""Take a picture of every page of the console: light, dark and narrow."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.console.browser import Person, open_browser
from tests.console.scene import Scene, set_the_scene
from tests.harness.server import Server

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "tests" / "harness" / "plugin.py"
LOOKS = {"light": (1280, 860, "light"), "dark": (1280, 860, "dark"), "narrow": (390, 844, "light")}


def pages(scene: Scene) -> dict[str, str]:
    """Give the pages by name."""
    return {
        "inbox": "/inbox",
        "runs": "/runs",
        "many-runs": "/runs?status=paused",
        "run-paused": f"/runs/{scene.paused}",
        "run-failed": f"/runs/{scene.failed}",
        "run-completed": f"/runs/{scene.completed}",
        "workflows": "/workflows",
        "workflow": f"/workflows/{scene.workflow}",
        "start": f"/workflows/{scene.workflow}/start",
        "edit": f"/workflows/{scene.workflow}/edit",
        "edit-wrong": "/workflows/new",
        "compare": f"/workflows/{scene.workflow}/compare?before=1.0.0",
        "agents": "/agents",
        "agent": f"/agents/{scene.agent}",
        "edit-agent": f"/agents/{scene.agent}/edit",
        "keys": "/settings/keys",
        "tokens": "/settings/tokens",
        "models": "/settings/models",
        "secrets": "/settings/secrets",
        "tools": "/settings/tools",
        "webhooks": "/settings/webhooks",
        "webhook": f"/settings/webhooks/{scene.webhook}",
        "retention": "/settings/retention",
        "health": "/settings/health",
        "answer": scene.link,
        "empty": "/inbox",
        "sign-in": "/sign-in",
    }


def main() -> None:
    """Write the pictures into the folder that is named, else into build/screenshots."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "screenshots")
    only = set(sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp())
    with Server(work / "data", PLUGIN) as server:
        scene = set_the_scene(server)
        for look, (width, height, scheme) in LOOKS.items():
            driver = open_browser(work / look, width, height)
            try:
                person = Person(driver, server.address)
                _look(driver, width, height, scheme)
                person.signs_in("acme", server.key("owner"))
                for name, path in pages(scene).items():
                    if not only or name in only:
                        _take(person, server, name, path, folder / f"{name}-{look}.png")
            finally:
                driver.quit()


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
    person.opens(path)
    time.sleep(0.4)
    if name == "edit-wrong":
        text = person.driver.execute_script("return document.getElementById('text').value")
        person.writes("text", str(text).replace("collect-inputs", "collect-input"))
        time.sleep(0.9)
    if name == "many-runs":
        person.presses("Terminate…")
        person.sees("match the filter")
    person.driver.save_screenshot(str(file))
    print(file)


if __name__ == "__main__":
    main()
