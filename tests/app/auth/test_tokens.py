"""Valid tokens yield claims; all others get the same refusal."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.auth.signing_keys import SigningKey, read_identity
from app.auth.tokens import BadSecret, BadToken, new_secret, read_token

ROW = new_secret("acme", "operator", "", "HS256", 0)
OFF = new_secret("acme", "operator", "", "HS256", 0)
KNOWN = {ROW.kid: ROW}
NOW = int(time.time())
GOOD: dict[str, Any] = {"sub": "ada", "exp": NOW + 3_600, "iat": NOW}


def signed(claims: dict[str, Any], secret: str = ROW.secret, **header: Any) -> str:
    return jwt.encode(claims, secret, header.pop("alg", "HS256"), {"kid": ROW.kid, **header})


def raw(header: Any, payload: Any, signature: str = "x") -> str:
    def part(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    return f"{part(header)}.{part(payload)}.{signature}"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


HEADER = {"alg": "HS256", "kid": ROW.kid}
HOSTILE = [
    "", ".", "..", "a.b.c", "\udc80.x.y", "x" * 100_000,
    raw({**HEADER, "alg": "none"}, GOOD, ""), raw({**HEADER, "alg": "None"}, GOOD, ""),
    raw({**HEADER, "alg": "HS1"}, GOOD), raw(HEADER, GOOD), raw(HEADER, "[]"), raw("[]", GOOD),
    raw({**HEADER, "kid": 7}, GOOD), raw({**HEADER, "kid": ["a"]}, GOOD),
    raw({**HEADER, "kid": {}}, GOOD), raw({**HEADER, "kid": "../../etc/passwd"}, GOOD),
    raw({**HEADER, "kid": "' OR 1=1"}, GOOD), raw({**HEADER, "crit": ["x"]}, GOOD),
    raw('{"alg":' + "[" * 5_000, GOOD),
    signed(GOOD, "y" * 48), signed(GOOD, ROW.secret, alg="HS384"), signed(GOOD, kid="unknown"),
    signed(GOOD, ROW.secret, kid=OFF.kid),
    signed(without("exp")), signed(without("sub")),
    signed({**GOOD, "exp": NOW - 61}), signed({**GOOD, "exp": str(NOW)}),
    signed({**GOOD, "nbf": NOW + 86_400}), signed({**GOOD, "iat": NOW + 86_400}),
    signed({**GOOD, "nbf": []}), signed({**GOOD, "iat": {}}), signed({**GOOD, "exp": [NOW]}),
    signed({**GOOD, "exp": True}), signed({**GOOD, "exp": None}), signed({**GOOD, "iat": float("inf")}),
    signed({**GOOD, "sub": ""}), raw(HEADER, {**GOOD, "exp": float("inf")}),
    signed(GOOD)[:-2], signed(GOOD) + "AA", signed(GOOD).replace(".", "..", 1),
    raw({"alg": "HS256"}, {**GOOD, "secretId": ROW.kid}),
    raw({"alg": "HS256"}, {**GOOD, "secretId": 5}),
]  # fmt: skip


@pytest.mark.parametrize("token", HOSTILE, ids=range(len(HOSTILE)))
def test_an_invalid_token_raises_only_the_refusal(token: str) -> None:
    with pytest.raises(BadToken):
        read_token(token, KNOWN, None, None)


@pytest.mark.parametrize("broken", ["decode_complete", "decode"])
def test_a_fault_of_the_server_is_not_taken_for_a_bad_token(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise TypeError("a fault")

    monkeypatch.setattr(jwt, broken, fails)
    with pytest.raises(TypeError, match="a fault"):
        read_token(signed(GOOD), KNOWN, None, None)
    with pytest.raises(TypeError, match="a fault"):
        read_identity(signed(GOOD), [SigningKey(ROW.kid, {"HS256": ROW.secret})], "us", "me")


def test_a_valid_token_yields_its_claims() -> None:
    row, claims = read_token(signed({**GOOD, "aud": "anybody"}), KNOWN, None, None)
    assert (row, claims["sub"]) == (ROW, "ada")


def test_the_older_form_names_its_secret_in_the_payload() -> None:
    claims = {"exp": NOW + 3_600, "secretId": ROW.kid, "userId": "ada"}
    token = jwt.encode(claims, ROW.secret, "HS256")
    assert read_token(token, KNOWN, None, None)[1]["sub"] == "ada"


def test_a_configured_audience_and_issuer_must_match() -> None:
    token = signed({**GOOD, "aud": "me", "iss": "us"})
    read_token(token, KNOWN, "me", "us")
    for audience, issuer in (("you", "us"), ("me", "them")):
        with pytest.raises(BadToken):
            read_token(token, KNOWN, audience, issuer)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_public_key_verifies_only_its_own_algorithm(algorithm: str) -> None:
    private: Any = {
        "RS256": lambda: rsa.generate_private_key(65537, 2048),
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
    }[algorithm]()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    row = new_secret("acme", "viewer", "", algorithm, 0, public.decode())
    token = jwt.encode(GOOD, private, algorithm, {"kid": row.kid})
    assert read_token(token, {row.kid: row}, None, None)[1]["sub"] == "ada"
    confused = raw({"alg": "HS256", "kid": row.kid}, GOOD)
    with pytest.raises(BadToken):
        read_token(confused, {row.kid: row}, None, None)


@pytest.mark.parametrize(("algorithm", "key"), [("RS256", None), ("RS256", "x"), ("none", None)])
def test_a_key_that_cannot_verify_tokens_is_refused(algorithm: str, key: str | None) -> None:
    with pytest.raises(BadSecret):
        new_secret("acme", "viewer", "", algorithm, 0, key)
