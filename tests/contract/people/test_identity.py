"""Tokens and sign-in of an identity provider, against a real provider over HTTP."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conftest import PLUGIN
from tests.harness.identity_provider import CLIENT, SECRET, IdentityProvider, Key, identity_provider
from tests.harness.server import Server


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as serving:
        yield serving


@pytest.fixture(scope="module")
def server(
    provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    settings = {
        "issuer": provider.issuer, "clientId": CLIENT, "clientSecretEnv": "OIDC_SECRET",
        "audience": "flows", "title": "Acme", "tenantClaim": "org", "tenants": {"acme-corp": "acme"},
        "roleClaim": "groups", "roles": {"staff": "viewer", "flow-admins": "admin"},
        "groupsClaim": "groups",
    }  # fmt: skip
    data: Path = tmp_path_factory.mktemp("identity") / "data"
    form = {**settings, "issuer": provider.issuer.replace("/realm", "/form"), "title": "Form"}
    away = {**settings, "issuer": "http://127.0.0.1:1/realm", "title": "Away"}
    wrong = {**form, "clientSecretEnv": "PATH"}
    tools = {**settings, "audience": None, "clientId": "tools", "roles": {"staff": "admin"}}
    described = {"acme": settings, "form": form, "wrong": wrong, "away": away, "tools": tools}
    text = json.dumps(described)
    with Server(data, PLUGIN, STEPWELL_IDENTITY_PROVIDERS=text, OIDC_SECRET=SECRET) as running:
        running.key()
        yield running


def asked(server: Server, token: str, path: str = "/api/workflows") -> int:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.get(f"{server.address}{path}", headers=headers).status_code


def unsigned(provider: IdentityProvider, header: dict[str, Any], key: bytes = b"") -> str:
    """Return a token with this header, signed with HMAC if there is a key."""
    claims = provider.token().split(".")[1]
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    signature = b""
    if key:
        mac = hmac.HMAC(key, hashes.SHA256())
        mac.update(f"{head}.{claims}".encode())
        signature = mac.finalize()
    tail = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    return f"{head}.{claims}.{tail}"


@pytest.mark.parametrize(
    ("kid", "algorithm"),
    [("rsa", "RS256"), ("rsa", "PS512"), ("ec", "ES256"), ("ed", "EdDSA"), ("ed", "Ed25519")],
)
def test_tokens_of_the_provider_are_accepted(
    server: Server, provider: IdentityProvider, kid: str, algorithm: str
) -> None:
    viewer = provider.token(kid, algorithm)
    assert asked(server, viewer) == 200
    assert asked(server, viewer, "/api/keys") == 403
    admin = provider.token(kid, algorithm, groups=["flow-admins", "staff"])
    assert asked(server, admin, "/api/keys") == 200
    for tenant, status in (("acme", 200), ("other", 401)):
        headers = {"authorization": f"Bearer {admin}", "x-tenant-id": tenant}
        answer = httpx.get(f"{server.address}/api/keys", headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("audience", "keys"),
    [("flows", 403), ("tools", 200), (["others", "tools"], 200), (["tools", "flows"], 403)],
)
def test_of_providers_with_one_issuer_a_token_counts_for_the_audience_that_it_names(
    server: Server, provider: IdentityProvider, audience: str | list[str], keys: int
) -> None:
    token = provider.token(aud=audience)
    assert (asked(server, token), asked(server, token, "/api/keys")) == (200, keys)


def test_other_tokens_are_refused(server: Server, provider: IdentityProvider) -> None:
    now = int(time.time())
    public = provider.keys[0].private.public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    stranger = Key("rsa", rsa.generate_private_key(65537, 2048))
    jwk = stranger.document
    wrong = {
        "another audience": provider.token(aud="others"),
        "no audience": provider.token(aud=None),
        "another issuer": provider.token(iss=f"{provider.issuer}/x"),
        "over": provider.token(exp=now - 120),
        "not yet": provider.token(nbf=now + 300),
        "no end": provider.token(exp=None),
        "too long": provider.token(exp=now + 90_000_000),
        "nobody": provider.token(sub=None),
        "no role": provider.token(groups=["guests"]),
        "another tenant": provider.token(org="globex"),
        "a tenant by its name here": provider.token(org="acme"),
        "no algorithm": unsigned(provider, {"alg": "none", "typ": "JWT"}),
        "the public key as a secret": unsigned(provider, {"alg": "HS256", "kid": "rsa"}, pem),
        "a published secret": unsigned(provider, {"alg": "HS256", "kid": "shared"}, b"x" * 32),
        "its own key": jwt.encode(
            {"iss": provider.issuer, "aud": "flows", "sub": "u-1", "exp": now + 60, "org": "acme-corp",
             "groups": ["staff"]},
            stranger.private, "RS256", {"kid": "rsa", "jwk": jwk},
        ),
        "what must be understood": jwt.encode(
            {"iss": provider.issuer, "aud": "flows", "sub": "u-1", "exp": now + 60, "org": "acme-corp",
             "groups": ["staff"]},
            provider.keys[0].private, "RS256", {"kid": "rsa", "crit": ["x"], "x": 1},
        ),
        "no object": "e30.W10.x",
    }  # fmt: skip
    _, claims, signature = provider.token("ec", "ES256").split(".")
    other = base64.urlsafe_b64encode(b'{"alg":"ES256","kid":"rsa"}').decode().rstrip("=")
    wrong["another kind of key"] = f"{other}.{claims}.{signature}"
    assert {name: asked(server, token) for name, token in wrong.items()} == dict.fromkeys(
        wrong, 401
    )


@pytest.mark.parametrize("kid", ["rsa", "rsa-2"])
def test_a_new_key_is_accepted_and_a_withdrawn_one_is_refused(
    server: Server, provider: IdentityProvider, kid: str
) -> None:
    before = provider.token()
    assert asked(server, before) == 200
    old = provider.keys[0]
    provider.keys[0] = Key(kid, rsa.generate_private_key(65537, 2048))
    until = time.monotonic() + 20
    while asked(server, provider.token()) != 200:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert asked(server, before) == 401
    fetched = provider.asked.count("/realm/keys")
    for number in range(20):
        claims = {"iss": provider.issuer, "aud": "flows", "sub": f"u-{number}"}
        assert asked(server, jwt.encode(claims, old.private, "RS256", {"kid": f"x{number}"})) == 401
    assert provider.asked.count("/realm/keys") <= fetched + 2


def test_a_token_that_cannot_be_checked_now_is_not_called_wrong(
    server: Server, provider: IdentityProvider
) -> None:
    for _ in range(2):  # the second finds that the provider was asked a moment ago
        token = provider.token(iss="http://127.0.0.1:1/realm")
        assert asked(server, token) == 503


def browser(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.address, follow_redirects=True)


def test_people_of_the_provider_sign_in_by_authorization_code(
    server: Server, provider: IdentityProvider
) -> None:
    provider.user = {
        "sub": "u-7",
        "preferred_username": "Grace",
        "groups": ["flow-admins", "staff"],
    }
    begin = "/sign-in/provider/to/acme?next=/workflows"
    with browser(server) as one, server.client() as owner:
        assert "Sign in with Acme" in one.get("/sign-in").text
        page = one.get(begin)
        assert (page.status_code, page.url.path) == (200, "/workflows")
        (grace,) = owner.get("/api/people").json()
        assert (grace["name"], grace["role"], grace["signsIn"]) == ("Grace", "admin", "provider")
        assert grace["groups"] == ["flow-admins", "staff"]
        assert [item["who"] for item in owner.get("/api/sessions").json()] == ["person:Grace"]

        provider.user["groups"] = ["staff"]
        with browser(server) as other:
            other.get(begin)
        assert owner.get("/api/people").json()[0]["role"] == "viewer"
        assert one.get("/api/keys").status_code == 403

        steps = [httpx.get(f"{server.address}{begin}")]
        there = httpx.get(steps[0].headers["location"]).headers["location"]
        for cookies, address in (
            ({}, there),
            (dict(steps[0].cookies), there.replace("state=", "state=x")),
            (dict(steps[0].cookies), there.replace("iss=http", "iss=https")),
        ):
            refused = httpx.get(address, cookies=cookies)
            assert (refused.status_code, "stepwell_session" in refused.cookies) == (400, False)
        taken = httpx.get(there, cookies=dict(steps[0].cookies))
        assert (taken.status_code, "stepwell_session" in taken.cookies) == (303, True)
        assert httpx.get(there, cookies=dict(steps[0].cookies)).status_code == 403

        provider.nonce = "of another"
        with browser(server) as other:
            assert other.get(begin).status_code == 403
        provider.nonce = None
        provider.user["groups"] = ["guests"]
        with browser(server) as other:
            assert "may not use this server" in other.get(begin).text

        token = provider.token(sub="u-7")
        assert asked(server, token) == 200
        owner.put(f"/api/people/{grace['id']}", json={"disabled": True})
        assert asked(server, token) == 401
        assert one.get("/api/workflows").status_code == 401
        provider.user["groups"] = ["staff"]
        with browser(server) as other:
            assert "You were disabled here" in other.get(begin).text
        actions = [item["action"] for item in owner.get("/api/audit").json()["entries"]]
        assert {"createPerson", "updatePerson", "signIn"} <= set(actions)


def test_the_secret_is_sent_as_the_provider_takes_it_and_a_refusal_is_logged(
    server: Server, provider: IdentityProvider
) -> None:
    provider.user = {"sub": "u-9", "groups": ["staff"]}
    with browser(server) as one:
        assert one.get("/sign-in/provider/to/wrong").status_code == 403
        assert (
            "does not accept the code: invalid_client, not by this method" in server.log.read_text()
        )
        assert one.get("/sign-in/provider/to/form?next=/inbox").url.path == "/inbox"
