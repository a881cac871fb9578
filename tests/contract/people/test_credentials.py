"""API keys and JWT secrets over HTTP."""

import time

import httpx
import jwt
import pytest

from tests.harness.server import Server


def asks(server: Server, key: str, tenant: str = "acme") -> int:
    headers = {"x-api-key": key, "x-tenant-id": tenant}
    return httpx.get(f"{server.address}/api/workflows", headers=headers).status_code


def test_a_key_is_created_used_listed_and_disabled(shared: Server) -> None:
    with shared.client("admin") as admin:
        made = admin.post("/api/keys", json={"role": "viewer", "name": "desk", "expiresInDays": 30})
        assert made.status_code == 201
        key = made.json().pop("key")
        assert asks(shared, key) == 200
        listed = admin.get("/api/keys")
        assert key not in listed.text
        row = next(row for row in listed.json() if row["id"] == made.json()["id"])
        assert (row["role"], row["name"], row["disabledAt"]) == ("viewer", "desk", None)
        assert row["expiresAt"] > row["createdAt"]
        assert admin.delete(f"/api/keys/{row['id']}").status_code == 200
        assert asks(shared, key) == 401
        assert admin.delete("/api/keys/none").status_code == 404


@pytest.mark.parametrize("path", ["/api/keys", "/api/jwt-secrets"])
def test_nobody_creates_or_disables_credentials_above_their_own_role(
    shared: Server, path: str
) -> None:
    with shared.client("admin") as admin, shared.client("owner") as owner:
        assert admin.post(path, json={"role": "owner"}).status_code == 403
        made = owner.post(path, json={"role": "owner"}).json()
        name = made.get("id") or made["kid"]
        assert admin.delete(f"{path}/{name}").status_code == 403
        assert owner.delete(f"{path}/{name}").status_code == 200
    with shared.client("editor") as editor:
        assert editor.post(path, json={"role": "viewer"}).status_code == 403
        assert editor.get(path).status_code == 403


def test_a_secret_signs_tokens_until_it_is_disabled(shared: Server) -> None:
    with shared.client("admin") as admin:
        made = admin.post("/api/jwt-secrets", json={"role": "viewer", "name": "sso"}).json()
        claims = {"sub": "ada", "exp": int(time.time()) + 60}
        token = jwt.encode(claims, made["secret"], "HS256", {"kid": made["kid"]})
        headers = {"authorization": f"Bearer {token}"}
        address = f"{shared.address}/api/workflows"
        assert httpx.get(address, headers=headers).status_code == 200
        assert made["secret"] not in admin.get("/api/jwt-secrets").text
        assert admin.delete(f"/api/jwt-secrets/{made['kid']}").status_code == 200
        assert httpx.get(address, headers=headers).status_code == 401


def test_a_public_key_must_fit_its_algorithm(shared: Server) -> None:
    with shared.client("admin") as admin:
        for body in (
            {"algorithm": "RS256"},
            {"algorithm": "EdDSA", "publicKey": "nonsense"},
            {"algorithm": "HS256", "publicKey": "x"},
            {"algorithm": "none"},
        ):
            answer = admin.post("/api/jwt-secrets", json={"role": "viewer", **body})
            assert answer.status_code == 400, body


def test_a_definition_is_checked_without_being_stored(shared: Server) -> None:
    text = '{\n "name": "X",\n "initialStep": "e",\n "steps": [\n  {"id": "e",\n   "type": "end-flo"}\n ]\n}'
    with shared.client("viewer") as viewer:
        before = viewer.get("/api/workflows").json()
        found = viewer.post("/api/workflow/check", json={"text": text}).json()
        assert found["valid"] is False
        assert [(p["line"], p["path"]) for p in found["problems"]] == [(6, "steps[0].type")]
        broken = viewer.post(
            "/api/workflow/check", json={"text": '{\n "name": "X",\n name }'}
        ).json()
        assert [p["line"] for p in broken["problems"]] == [3]
        good = viewer.post(
            "/api/workflow/check", json={"text": text.replace("end-flo", "end-flow")}
        )
        assert good.json() == {"valid": True, "problems": []}
        assert viewer.get("/api/workflows").json() == before
