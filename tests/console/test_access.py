"""Access to the console: sessions, CSRF, security headers and hostile names."""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from tests.console.browser import Person
from tests.console.pages import FIXED, pages, routes_without
from tests.console.scene import Scene
from tests.harness.processes import command
from tests.harness.server import Server, settled

HOSTILE = "\"><script>window.hit=1</script><img src=x onerror=window.hit=1>'}}{{ 7*7 }}"
NO_TEMPLATE = HOSTILE.replace("{{", "{").replace("}}", "}")
"""Without braces, for fields of a definition that may not have expressions."""

UP_TO_DATE = """
    return document.readyState === 'complete' && (!document.querySelector('[data-live]') ||
        performance.getEntriesByType('resource').some(one => one.initiatorType === 'fetch'))
"""
"""True when the page is loaded and its live parts have been fetched once."""


@pytest.fixture
def browser(console: Server) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=console.address, headers={"sec-fetch-site": "same-origin", "accept": "text/html"}
    ) as client:
        sign_in(client, "acme", console.key("owner"))
        yield client


def sign_in(client: httpx.Client, tenant: str, credential: str) -> httpx.Response:
    return client.post("/sign-in", data={"tenant": tenant, "credential": credential})


def csrf(client: httpx.Client) -> str:
    match = re.search(r'name="csrf" content="([^"]+)"', client.get("/inbox").text)
    assert match
    return match[1]


def test_without_a_session_every_page_redirects_to_the_sign_in(console: Server) -> None:
    for path in FIXED:
        answer = httpx.get(f"{console.address}{path}")
        assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (303, "/sign-in")


def test_every_page_has_a_strict_content_security_policy(
    browser: httpx.Client, scene: Scene
) -> None:
    for path in pages(scene):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
            in policy
        )
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(
            r"<script(?! type=\"module\" src=)|<style|\son\w+=|\sstyle=|https?://(?!www\.w3\.org)(?!127)",
            answer.text,
        ), path


def test_the_cookie_is_for_this_site_only_and_not_for_scripts(console: Server) -> None:
    key = console.key("owner")
    cookie = (
        httpx.post(f"{console.address}/sign-in", data={"tenant": "acme", "credential": key})
        .headers["set-cookie"]
        .lower()
    )
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie
    behind = {"host": "flows.example"}
    answer = httpx.post(
        f"{console.address}/sign-in", data={"tenant": "acme", "credential": key}, headers=behind
    )
    assert "; secure" in answer.headers["set-cookie"].lower()
    assert key not in cookie


@pytest.mark.parametrize(
    "given",
    [("acme", "sk_wrong"), ("globex", None), ("acme", "not.a.token"), ("", ""), ("acme", "\x00")],
)
def test_invalid_credentials_open_no_session(
    console: Server, given: tuple[str, str | None]
) -> None:
    with httpx.Client(base_url=console.address) as client:
        answer = sign_in(client, given[0], given[1] or console.key("owner"))
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


def test_a_sign_in_from_another_site_is_refused(console: Server) -> None:
    form = {"tenant": "acme", "credential": console.key("owner")}
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
    ):
        answer = httpx.post(f"{console.address}/sign-in", data=form, headers=headers)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
    ],
)
def test_sign_in_does_not_redirect_to_another_site(console: Server, back: str) -> None:
    form = {"tenant": "acme", "credential": console.key("owner"), "next": back}
    answer = httpx.post(f"{console.address}/sign-in", data=form)
    assert answer.headers["location"] == "/inbox"


def test_a_change_needs_the_csrf_token_of_the_session(
    console: Server, browser: httpx.Client
) -> None:
    body = {"name": "Csrf", "initialStep": "e", "steps": [{"id": "e", "type": "end-flow"}]}
    word = csrf(browser)
    other = httpx.Client(base_url=console.address)
    sign_in(other, "acme", console.key("owner"))
    for headers in (
        {},
        {"x-csrf-token": "x"},
        {"x-csrf-token": csrf(other)},
        {"x-csrf-token": word, "sec-fetch-site": "cross-site"},
        {"x-csrf-token": word, "sec-fetch-site": "same-site"},
    ):
        assert browser.post("/api/workflows", json=body, headers=headers).status_code == 401
        assert browser.post("/sign-out", headers=headers).status_code in (303, 401)
        assert browser.post(
            "/workflows/preview", json={"text": "{}"}, headers=headers
        ).status_code in (303, 401)
    assert (
        browser.post("/api/workflows", json=body, headers={"x-csrf-token": word}).status_code == 201
    )
    assert browser.get("/api/workflows").status_code == 200
    assert (
        browser.get("/api/workflows", headers={"sec-fetch-site": "cross-site"}).status_code == 401
    )
    other.close()


def test_an_altered_session_cookie_is_refused(console: Server, browser: httpx.Client) -> None:
    cookie = browser.cookies["stepwell_session"]
    for changed in (
        cookie[:-4],
        f"B{cookie[1:]}",
        cookie[::-1],
        "",
        "ä",
        "a" * 4000,
        cookie[:40] + ("A" if cookie[40] != "A" else "B") + cookie[41:],
    ):
        sent = {b"cookie": f"stepwell_session={changed}".encode()}
        assert httpx.get(f"{console.address}/api/workflows", headers=sent).status_code == 401, (
            changed
        )
        assert httpx.get(f"{console.address}/runs", headers=sent).status_code == 303


def test_a_link_token_is_not_a_session_and_a_session_is_not_a_link(
    console: Server, browser: httpx.Client, scene: Scene
) -> None:
    token = scene.link.rpartition("/")[2]
    assert (
        httpx.get(
            f"{console.address}/runs", headers={"cookie": f"stepwell_session={token}"}
        ).status_code
        == 303
    )
    assert browser.get(f"/answer/{browser.cookies['stepwell_session']}").status_code == 404


def test_a_token_opens_a_session_that_ends_with_its_secret(console: Server) -> None:
    at = ("--data", console.data, "--tenant", "tokens")
    made = command("jwt-secret", "create", *at, "--role", "viewer", "--name", "sso")
    token = jwt.encode(
        {"sub": "ada", "exp": time.time() + 600}, made["secret"], "HS256", {"kid": made["kid"]}
    )
    with httpx.Client(base_url=console.address) as client:
        assert sign_in(client, "", token).status_code == 303
        assert client.get("/runs").status_code == 200
        assert client.get("/settings/keys").status_code == 403
        command("jwt-secret", "disable", made["kid"], *at)
        assert client.get("/runs").status_code == 303
    long = jwt.encode(
        {"sub": "ada", "exp": time.time() + 600, "context": {"x": "y" * 5_000}},
        made["secret"],
        "HS256",
        {"kid": made["kid"]},
    )
    assert httpx.post(f"{console.address}/sign-in", data={"credential": long}).status_code in (
        400,
        401,
    )


def test_a_page_opened_from_another_site_reloads_itself_once(browser: httpx.Client) -> None:
    with httpx.Client(base_url=browser.base_url) as without:
        answer = without.get("/runs", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0"' in answer.text
    assert "Runs" not in answer.text


def test_events_are_streamed_to_a_session(browser: httpx.Client, scene: Scene) -> None:
    with browser.stream("GET", f"/api/workflow/events/{scene.completed}") as answer:
        text = answer.read().decode()
    assert "event: run.completed" in text


def test_hostile_names_are_shown_and_do_nothing(console: Server, person: Person) -> None:
    tenant = "hostile"
    step = {"id": "a", "type": "request-user-action", "name": NO_TEMPLATE[:200], "message": NO_TEMPLATE,
            "actions": [{"value": "x", "label": NO_TEMPLATE[:90]}], "assignees": [NO_TEMPLATE[:90]]}  # fmt: skip
    document: dict[str, Any] = {
        "id": "evil", "name": NO_TEMPLATE[:200], "description": NO_TEMPLATE, "initialStep": "a",
        "title": "{{ data.x | default(context.none) }} " + NO_TEMPLATE[:200], "labels": {"evil": NO_TEMPLATE[:200]},
        "payload": {NO_TEMPLATE[:100]: {"type": "string", "required": False, "description": NO_TEMPLATE, "enum": [NO_TEMPLATE, "b"]}},
        "steps": [step, {"id": "e", "type": "end-flow"}],
        "edges": [{"from": "a", "to": "e", "condition": "data.x is defined and data.x == '</title><script>window.hit=1</script>'"}, {"from": "a", "to": "e"}],
    }  # fmt: skip
    with console.client("owner", tenant) as client:
        client.post("/api/workflows", json=document).raise_for_status()
        client.put(
            "/api/workflows/evil", json={"description": "</pre><script>window.hit=1</script>"}
        )
        data = {NO_TEMPLATE[:100]: NO_TEMPLATE}
        run = client.post("/api/workflow/start/evil", json={"data": data}).json()["runId"]
        link = client.post(f"/api/workflow/links/{run}", json={"name": HOSTILE[:100]}).json()["url"]
        over = client.post("/api/workflow/start/evil", json={"data": data}).json()["runId"]
        answer = {
            "type": "request_user_action",
            "actionId": "a",
            "actionValue": "x",
            "comment": HOSTILE,
        }
        client.post(f"/api/workflow/resume/{over}", json=answer).raise_for_status()
        settled(client, over, "completed")
        again = client.post(f"/api/workflow/rerun/{over}", json={"stepId": "e"}).json()["runId"]
        assert settled(client, again, "completed")["stepExecutionHistory"][0]["carriedFrom"] == over
        client.post("/api/keys", json={"name": HOSTILE[:100], "role": "viewer"}).raise_for_status()
    person.signs_in(tenant, console.key("owner", tenant))
    pages = ["/overview", "/search?q=hit", "/inbox", "/runs", f"/runs/{run}", f"/runs/{over}", f"/runs/{again}", "/workflows", "/workflows/evil", "/workflows/evil/start",
             "/workflows/evil/edit", "/workflows/evil/compare?before=1.0.0", "/settings/keys",
             urlsplit(link).path, f"/workflows?search={HOSTILE[:60]}", f"/runs?workflowId={HOSTILE[:60]}"]  # fmt: skip
    for path in pages:
        person.opens(path)
        person.waits(lambda: person.driver.execute_script(UP_TO_DATE))
        assert person.driver.execute_script("return window.hit === undefined"), path
        shown = person.driver.execute_script("return document.body.textContent")
        assert (
            "<script>window.hit" in shown
            or path.startswith("/runs?")
            or path in ("/runs", "/overview")
        )
        assert [line for line in person.errors() if "favicon" not in line] == []


def test_every_route_that_shows_a_page_is_covered(scene: Scene) -> None:
    assert routes_without(pages(scene)) == []
    assert routes_without(["/inbox"]), "it finds what is left out"
