"""Access control: every endpoint in the table, called with every kind of credentials."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
import pytest

from app.assembly import open_services
from app.auth.roles import Role
from app.settings.server import Settings
from app.web.application import console_routes, routes
from app.web.console.routes import OPEN_PAGES, PAGES
from app.web.endpoint import Endpoint
from app.web.endpoints import ALL_ENDPOINTS, OPEN_ENDPOINTS
from tests.harness.processes import command
from tests.harness.server import Server

OPEN_ADDRESSES = {path for _, path, _ in OPEN_ENDPOINTS} | {"/guide", "/guide/{path...}"}
OPEN = {"/healthz", "/readyz", "/openapi.json", "/docs", "/schema/definition.json"}
"""Paths that need no credentials."""

IDS = {f"{endpoint.method} {endpoint.path}": endpoint for endpoint in ALL_ENDPOINTS}


BROWSER = httpx.Client(timeout=60)
"""Shared, since creating a client costs more than a hundred requests."""


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    BROWSER.close()


@dataclass(frozen=True)
class Credentials:
    """Headers and the role that they should grant; None if they should be refused."""

    headers: dict[str, str]
    role: Role | None


@pytest.fixture(scope="module")
def callers(shared: Server) -> dict[str, Credentials]:
    at = ("--data", shared.data, "--tenant", "acme")
    key = shared.key()
    mine = {"x-tenant-id": "acme"}
    disabled = command("key", "create", *at, "--role", "owner")
    command("key", "disable", disabled["id"], *at)
    expired = command("key", "create", *at, "--role", "owner", "--expires", "1s")
    signing = {
        role: command("jwt-secret", "create", *at, "--role", role.value)
        for role in (Role.OWNER, Role.VIEWER)
    }
    owner = signing[Role.OWNER]
    now = int(time.time())

    def bearer(made: dict[str, str], **claims: object) -> dict[str, str]:
        whole = {"sub": "ada", "exp": now + 600, **claims}
        token = jwt.encode(whole, made["secret"], "HS256", {"kid": made["kid"]})
        return {"authorization": f"Bearer {token}"}

    nobody = {
        "no credentials": {},
        "only a tenant": mine,
        "an empty key": {"x-api-key": "", **mine},
        "a broken key": {"x-api-key": key[:-1] + ("A" if key[-1] != "A" else "B"), **mine},
        "a cut key": {"x-api-key": key[:14], **mine},
        "a longer key": {"x-api-key": key + "A", **mine},
        "the wrong prefix": {"x-api-key": "pk" + key[2:], **mine},
        "an expired key": {"x-api-key": expired["key"], **mine},
        "a disabled key": {"x-api-key": disabled["key"], **mine},
        "another tenant's header": {"x-api-key": key, "x-tenant-id": "other"},
        "no tenant header": {"x-api-key": key},
        "an empty tenant header": {"x-api-key": key, "x-tenant-id": ""},
        "the tenant in capitals": {"x-api-key": key, "x-tenant-id": "ACME"},
        "a key as a token": {"authorization": f"Bearer {key}", **mine},
        "a key in the wrong place": {"authorization": f"Basic {key}", **mine},
        "an expired token": bearer(owner, exp=now - 120),
        "a token of another tenant": {**bearer(owner), "x-tenant-id": "other"},
        "a token that names another tenant": bearer(owner, tenantId="other"),
        "a token for no role": bearer(owner, role="emperor"),
        "an empty token": {"authorization": "Bearer"},
        "a bad key beside a good token": {"x-api-key": "sk_x", **bearer(owner)},
    }
    somebody = {}
    for role in Role:
        given = {"x-api-key": shared.key(role.value), **mine}
        somebody[f"key of {role}"] = Credentials(given, role)
        somebody[f"token for {role}"] = Credentials(bearer(owner, role=role.value), role)
    somebody["token without a role"] = Credentials(bearer(owner), Role.OWNER)
    raised = bearer(signing[Role.VIEWER], role="owner")
    somebody["viewer's token raised"] = Credentials(raised, Role.VIEWER)
    until = now + 3 - time.time()
    time.sleep(max(0, until))
    return {name: Credentials(headers, None) for name, headers in nobody.items()} | somebody


@pytest.mark.parametrize("operation", IDS)
def test_each_endpoint_admits_exactly_the_roles_it_names(
    shared: Server, callers: dict[str, Credentials], operation: str
) -> None:
    endpoint = IDS[operation]
    path = re.sub(r"{\w+}", "does-not-exist", endpoint.path)
    wrong = []
    for name, caller in callers.items():
        headers = {**caller.headers, "content-type": "application/json"}
        address = f"{shared.address}{path}"
        with BROWSER.stream(endpoint.method, address, headers=headers, content=b"{}") as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
        if not _fits(answer, caller.role, endpoint):
            wrong.append((name, answer.status_code, answer.headers))
    assert wrong == []


def _fits(answer: httpx.Response, role: Role | None, endpoint: Endpoint) -> bool:
    if role is None:
        return answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    if not role.includes(endpoint.role):
        return answer.status_code == 403 and endpoint.role.value in answer.json()["message"]
    takes_only_a_form = endpoint.form is not None and endpoint.body is None
    return answer.status_code in ((415,) if takes_only_a_form else (200, 202, 400, 404, 406, 409))


def test_two_tenant_headers_are_refused(shared: Server) -> None:
    for pair in (("acme", "other"), ("other", "acme")):
        headers = [("x-api-key", shared.key()), *(("x-tenant-id", name) for name in pair)]
        assert httpx.get(f"{shared.address}/api/workflows", headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "//api/workflows", "/api//workflows", "/api/workflows/", "/api/./workflows", "/API/workflows",
        "/healthz/../api/workflows", "/docs/%2e%2e/api/workflows", "/api/workflows;/healthz",
        "/api%2fworkflows", "/healthz/api/workflows", "/api/workflows/healthz", "/docs%00/api/workflows",
        "/api/workflows%00/healthz", "/openapi.json/api/workflows", "/api/workflow/runs/readyz",
    ],
)  # fmt: skip
def test_no_alternative_spelling_of_a_path_bypasses_authentication(
    shared: Server, path: str
) -> None:
    from tests.attack.wire import say

    request = f"GET {path} HTTP/1.1\r\nhost: evil/healthz?\r\nconnection: close\r\n\r\n"
    said = say(shared.port, request.encode())
    assert said.statuses[0] in (401, 404, 405, 307)
    assert b'"id"' not in said.text
    assert b'"runs"' not in said.text


async def test_every_route_is_in_the_endpoint_table_or_public(tmp_path: Path) -> None:
    async with open_services(Settings(data=tmp_path / "data")) as services:
        paths = set(routes(services, "http://x")) | set(console_routes())
    of_console = {page.path for page in PAGES} | {path for _, path, _ in OPEN_PAGES}
    assert paths == OPEN | {"/metrics"} | OPEN_ADDRESSES | of_console | {
        endpoint.path for endpoint in ALL_ENDPOINTS
    }


def test_public_pages_show_no_data_of_a_tenant(shared: Server) -> None:
    with shared.client("owner", "acme") as client:
        client.put("/api/secrets/CANARY_NAME", json={"value": "canary-value"})
        document = {
            "name": "canary-workflow", "initialStep": "e",
            "steps": [{"id": "e", "type": "end-flow"}],
        }  # fmt: skip
        assert client.post("/api/workflows", json=document).status_code == 201
    for path in sorted(OPEN):
        answer = httpx.get(f"{shared.address}{path}")
        assert answer.status_code == 200
        assert "canary" not in answer.text.lower()
        assert "acme" not in answer.text
    assert httpx.get(f"{shared.address}/anything/else").status_code == 404
