"""Forged, expired and malformed JWTs over HTTP: always 401, and never a traceback in the log."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519

from app.auth.tokens import BadSecret, new_secret
from tests.harness.processes import command, run
from tests.harness.server import Server

PLUGIN = Path(__file__).parents[1] / "harness" / "plugin.py"
NOW = int(time.time())
GOOD: dict[str, Any] = {"sub": "ada", "exp": NOW + 3_600, "aud": "us", "iss": "them"}
Made = dict[str, str]


def public(private: Any) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = private.public_key().public_bytes(serialization.Encoding.PEM, kind)
    return pem.decode()


RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
KEYS: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    expected = {"STEPWELL_JWT_AUDIENCE": "us", "STEPWELL_JWT_ISSUER": "them"}
    with Server(tmp_path_factory.mktemp("jwt") / "data", PLUGIN, **expected) as running:
        yield running


@pytest.fixture(scope="module")
def made(strict: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """Return a key for each algorithm; HS384 has the role viewer, all others editor."""
    found = {}
    for algorithm in ("HS256", "HS384", "HS512", *KEYS):
        more: list[object] = ["--role", "viewer" if algorithm == "HS384" else "editor"]
        if algorithm in KEYS:
            file = tmp_path_factory.mktemp("pem") / "public.pem"
            file.write_text(public(KEYS[algorithm]))
            more += ["--public-key-file", file]
        at = ("--data", strict.data, "--tenant", "acme", "--algorithm", algorithm)
        found[algorithm] = command("jwt-secret", "create", *at, *more)
    return found


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(header: Any, claims: Any, key: bytes = b"", digest: str = "sha256") -> str:
    """Sign with HMAC by hand, since libraries refuse a public key as an HMAC key."""
    body = f"{part(header)}.{part(claims)}"
    return f"{body}.{part(hmac.new(key, body.encode(), digest).digest())}"


def signed(made: dict[str, Made], algorithm: str = "HS256", **claims: Any) -> str:
    key = KEYS[algorithm] if algorithm in KEYS else made[algorithm]["secret"]
    whole = {k: v for k, v in {**GOOD, **claims}.items() if v is not None}
    return jwt.encode(whole, key, algorithm, {"kid": made[algorithm]["kid"]})


BROWSER = httpx.Client(timeout=60)
"""Shared, since creating a client costs more than a hundred requests."""


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    BROWSER.close()


def ask(
    server: Server, token: str, method: str = "GET", path: str = "/api/workflows"
) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"}
    return BROWSER.request(method, f"{server.address}{path}", headers=headers)


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", *KEYS])
def test_a_valid_token_of_each_algorithm_is_accepted(
    strict: Server, made: dict[str, Made], algorithm: str
) -> None:
    assert ask(strict, signed(made, algorithm)).status_code == 200


def test_no_key_verifies_a_token_of_another_algorithm(
    strict: Server, made: dict[str, Made]
) -> None:
    statuses: dict[tuple[str, str, str | bytes], int] = {}
    for name in made:
        for claimed in (
            "none",
            "None",
            "nOnE",
            "HS256",
            "HS384",
            "HS512",
            "RS256",
            "ES256",
            "EdDSA",
            "PS256",
            "",
        ):
            header = {"alg": claimed, "kid": made[name]["kid"], "typ": "JWT"}
            pem = public(KEYS[name]).encode() if name in KEYS else b"guess"
            for key in (pem, pem.strip(), b""):
                statuses[name, claimed, key] = ask(strict, forged(header, GOOD, key)).status_code
            unsigned = f"{part(header)}.{part(GOOD)}."
            statuses[name, claimed, "unsigned"] = ask(strict, unsigned).status_code
        if name in KEYS:
            others = [other for other in KEYS if other != name]
            for other in others:
                token = jwt.encode(GOOD, KEYS[other], other, {"kid": made[name]["kid"]})
                statuses[name, other, "wrong key"] = ask(strict, token).status_code
    assert set(statuses.values()) == {401}
    assert len(statuses) > 200


def test_a_key_in_the_token_header_is_ignored(strict: Server, made: dict[str, Made]) -> None:
    mine = rsa.generate_private_key(65537, 2048)
    numbers = mine.public_key().public_numbers()
    jwk = {
        "kty": "RSA", "n": part(numbers.n.to_bytes(256, "big")), "e": part(b"\1\0\1"),
        "kid": made["RS256"]["kid"],
    }  # fmt: skip
    for header in (
        {"jwk": jwk}, {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://127.0.0.1:1/c"},
        {"x5c": ["MIIB"]}, {"kid": "/dev/null"}, {"kid": "../../../../dev/null"},
    ):  # fmt: skip
        whole = {"kid": made["RS256"]["kid"], **header}
        assert ask(strict, jwt.encode(GOOD, mine, "RS256", whole)).status_code == 401
        empty = {"alg": "HS256", "kid": made["HS256"]["kid"], **header}
        assert ask(strict, forged(empty, GOOD)).status_code == 401


CLAIMS: list[dict[str, Any]] = [
    {"exp": None}, {"exp": NOW - 61}, {"exp": 0}, {"exp": -1}, {"exp": str(NOW + 60)}, {"exp": True},
    {"exp": [NOW + 60]}, {"exp": {}}, {"exp": NOW + 86_400 * 2}, {"exp": 10**12}, {"exp": 10**18},
    {"exp": 10**400}, {"exp": 1e300}, {"nbf": NOW + 86_400}, {"nbf": "x"}, {"nbf": [1]}, {"nbf": 10**400},
    {"iat": NOW + 86_400}, {"iat": "x"}, {"iat": {}}, {"aud": None}, {"aud": "others"}, {"aud": []},
    {"aud": ["others"]}, {"aud": {"us": 1}}, {"aud": 7}, {"aud": ["us", 7]}, {"iss": None},
    {"iss": "us"}, {"iss": ["them"]}, {"iss": 7}, {"sub": None}, {"sub": ""}, {"sub": 7},
    {"sub": ["ada"]}, {"sub": {}}, {"context": "text"}, {"context": ["x"]}, {"context": 7},
    {"tenantId": "other"}, {"tenantId": 7}, {"tenantId": ["acme"]}, {"tenantId": {}}, {"tenantId": ""},
    {"role": "emperor"}, {"role": 7}, {"role": ["owner"]}, {"role": {}}, {"role": ""},
]  # fmt: skip


@pytest.mark.parametrize(
    "claims", CLAIMS, ids=[f"{n}-{next(iter(c))}" for n, c in enumerate(CLAIMS)]
)
def test_a_signed_token_with_a_wrong_claim_is_refused(
    strict: Server, made: dict[str, Made], claims: dict[str, Any]
) -> None:
    whole = {k: v for k, v in {**GOOD, **claims}.items() if v is not None}
    header = {"alg": "HS256", "kid": made["HS256"]["kid"]}
    secret = made["HS256"]["secret"].encode()
    assert ask(strict, forged(header, whole, secret)).status_code == 401
    assert ask(strict, forged(header, GOOD, secret)).status_code == 200, "only the claim is wrong"


def shapes(made: dict[str, Made]) -> Iterator[str]:
    good, secret = signed(made), made["HS256"]["secret"].encode()
    head = {"alg": "HS256", "kid": made["HS256"]["kid"]}
    for claims in ([], "text", 7, None, True, [GOOD], b"\xff\xfe", b"{", b"", b"NaN", b"{}" * 2):
        yield forged(head, claims, secret)
    headers: list[Any] = [
        [],
        "text",
        None,
        b"\xff",
        b"{",
        b'{"alg":' + b"[" * 20_000,
        b'{"alg":"HS256","alg":"none"}',
    ]
    for header in headers:
        yield forged(header, GOOD, secret)
    yield forged(head, b'{"sub":"ada","exp":' + b"[" * 20_000, secret)
    yield forged(head, b'{"sub":"ada","exp":Infinity}', secret)
    yield forged(head, b'{"sub":"ada","exp":' + b"9" * 10_000 + b"}", secret)
    yield forged({**head, "crit": ["exp"]}, GOOD, secret)
    yield forged({**head, "b64": False, "crit": ["b64"]}, GOOD, secret)
    yield forged({**head, "zip": "DEF"}, GOOD, b"another")
    first, second, third = good.split(".")
    yield from (
        first,
        f"{first}.{second}",
        f"{first}.{second}.",
        f"{first}..{third}",
        f".{second}.{third}",
    )
    yield from (good + ".x", good[:-3], f"{second}.{first}.{third}", good.upper(), good[::-1])
    yield f"{first}.{second}.{third[:-1]}{'A' if third[-1] not in 'ABCD' else 'z'}"
    yield from (
        "x" * 60_000,
        "." * 60_000,
        f"{first}.{second * 200}.{third}",
        "a.b.c.d.e",
        "%00",
        "null",
    )


def test_every_malformed_token_is_refused_with_401(strict: Server, made: dict[str, Made]) -> None:
    tokens = list(shapes(made))
    for token in tokens:
        answer = ask(strict, token)
        assert answer.status_code == 401, (token[:80], answer.text)
        assert answer.json()["message"].startswith("send a valid")
    assert len(tokens) > 40
    assert "Traceback" not in strict.log.read_text()


def test_a_role_claim_cannot_exceed_the_role_of_its_secret(
    strict: Server, made: dict[str, Made]
) -> None:
    for role in ("owner", "admin", "editor", "operator"):
        answer = ask(strict, signed(made, "HS384", role=role), "POST")
        assert (answer.status_code, "viewer" in answer.json()["message"]) == (403, True)
    lowered = ask(strict, signed(made, "HS256", role="viewer"), "POST")
    assert lowered.status_code == 403


def test_tokens_of_a_disabled_secret_are_refused(strict: Server) -> None:
    at = ("--data", strict.data, "--tenant", "acme")
    row = command("jwt-secret", "create", *at)
    token = signed({"HS256": row})
    assert ask(strict, token).status_code == 200
    command("jwt-secret", "disable", row["kid"], *at)
    assert ask(strict, token).status_code == 401


WEAK = {
    "RSA of 512 bits": ("RS256", "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL8\n-----END PUBLIC KEY-----"),
    "RSA of 1024 bits": ("RS256", public(rsa.generate_private_key(65537, 1024))),
    "another curve": ("ES256", public(ec.generate_private_key(ec.SECP384R1()))),
    "a curve of coins": ("ES256", public(ec.generate_private_key(ec.SECP256K1()))),
    "EC for RSA": ("RS256", public(EC)),
    "RSA for EC": ("ES256", public(RSA)),
    "RSA for Edwards": ("EdDSA", public(RSA)),
    "Edwards for RSA": ("RS256", public(ED)),
    "a key for exchange": ("EdDSA", public(x25519.X25519PrivateKey.generate())),
    "a shared secret": ("HS256", "x" * 64),
    "a text": ("RS256", "x" * 64),
    "nothing": ("RS256", ""),
    "a private key": ("RS256", RSA.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()),
}  # fmt: skip


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_or_unsuitable_key_is_refused_at_creation(name: str) -> None:
    algorithm, key = WEAK[name]
    with pytest.raises(BadSecret):
        new_secret("acme", "viewer", "", algorithm, 0, key)


def test_a_dsa_key_is_refused_at_creation() -> None:
    key = public(dsa.generate_private_key(2048))  # takes too long for every collection of tests
    with pytest.raises(BadSecret):
        new_secret("acme", "viewer", "", "RS256", 0, key)


def test_generated_secrets_are_strong_and_distinct() -> None:
    made = {new_secret("acme", "viewer", "", "HS512", 0).secret for _ in range(100)}
    assert len(made) == 100
    assert min(map(len, made)) >= 64
    assert len({hashlib.sha256(item.encode()).digest()[:4] for item in made}) > 95


def test_ed448_keys_are_accepted(strict: Server, tmp_path: Path) -> None:
    private = ed448.Ed448PrivateKey.generate()
    (tmp_path / "p.pem").write_text(public(private))
    at = ("--data", strict.data, "--tenant", "acme", "--algorithm", "EdDSA")
    row = command("jwt-secret", "create", *at, "--public-key-file", tmp_path / "p.pem")
    token = jwt.encode(GOOD, private, "EdDSA", {"kid": row["kid"]})
    assert ask(strict, token).status_code == 200


def test_a_weak_key_is_refused_on_the_command_line_too(strict: Server, tmp_path: Path) -> None:
    (tmp_path / "p.pem").write_text(WEAK["RSA of 1024 bits"][1])
    shown = run(
        "jwt-secret", "create", "--data", strict.data, "--tenant", "acme",
        "--algorithm", "RS256", "--public-key-file", tmp_path / "p.pem",
    )  # fmt: skip
    assert shown.returncode != 0
    assert "Traceback" not in shown.stderr
    assert "2048" in shown.stderr
