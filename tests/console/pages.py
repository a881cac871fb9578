"""The addresses of all pages of the console: at least one for each route that shows a page."""

import re
from collections.abc import Iterable

from app.web.console.routes import OPEN_PAGES, PAGES
from tests.console.scene import Scene

FIXED = [
    "/inbox", "/runs", "/workflows", "/workflows/new", "/agents", "/agents/new",
    "/settings/keys", "/settings/tokens", "/settings/secrets", "/settings/models",
    "/settings/budgets", "/settings/tools", "/settings/webhooks", "/settings/schedules",
    "/settings/schedules/nightly", "/settings/signals", "/settings/triggers",
    "/settings/triggers/claims", "/settings/triggers/told", "/settings/triggers/contact",
    "/settings/retention", "/settings/health", "/settings/appearance", "/settings/people",
    "/settings/sessions", "/settings/audit", "/settings/variables", "/settings/passkeys",
    "/overview",
]  # fmt: skip
"""Pages that need a sign-in and whose addresses do not depend on the scene."""

_NO_PAGES = {
    "/": "leads on",
    "/settings": "leads on",
    "/inbox/shown/{pauseId}/{number}": "a document in a frame",
    "/pauses/{pauseId}": "a part of the inbox, as JSON",
    "/runs/{runId}/fields": "a part of the page of a run, as JSON",
    "/oauth/callback": "leads on",
    "/first-owner": "leads on where there is an owner; looked at by itself",
    "/sign-in/provider/back": "leads on",
    "/sign-in/provider/to/{name}": "leads on",
    "/sign-in/once/{code}": "leads on",
    "/answer/{token}/shown/{number}": "a document in a frame",
    "/static/{version}/{name}": "a file",
    "/watched": "only with `stepwell dev`",
}


def pages(scene: Scene) -> list[str]:
    """Return the address of every page, with pages of runs in several states."""
    runs = (scene.failed, scene.paused, scene.rerun, scene.batch, scene.retrying, scene.agent_run)
    workflow, agent = f"/workflows/{scene.workflow}", f"/agents/{scene.agent}"
    return [
        *FIXED, "/search?q=claim", "/search?q=nothing-there",
        "/runs?status=failed&sort=-duration&longerThan=soon",
        *(f"/runs/{one}" for one in runs), f"/runs/{scene.paused}?explain=data.amount",
        f"/runs/{scene.batch}?open=each",
        workflow, f"{workflow}/start", f"{workflow}/edit", f"{workflow}/compare?before=1.0.0",
        agent, f"{agent}/edit", f"{agent}/checks", f"{agent}/compare?before=1.0.0",
        f"/settings/webhooks/{scene.webhook}",
        f"/settings/triggers/claims/firings/{scene.firing}",
        "/sign-in", scene.link, scene.form, scene.invitation, "/nothing",
    ]  # fmt: skip


def routes_without(addresses: Iterable[str]) -> list[str]:
    """Return the routes that show a page and match none of these addresses."""
    routes = {one.path for one in PAGES if one.method == "GET"}
    routes |= {path for method, path, _ in OPEN_PAGES if method == "GET"}
    paths = [address.partition("?")[0] for address in addresses]
    return sorted(
        route
        for route in routes - set(_NO_PAGES)
        if not any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path) for path in paths)
    )
