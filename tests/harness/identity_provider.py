"""A local identity provider: OpenID Connect with discovery, JWKS, codes and PKCE."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

CLIENT, SECRET = "stepwell", "client secret/1"

with suppress(ValueError):  # a later release of the library may know the name
    jwt.register_algorithm("Ed25519", jwt.get_algorithm_by_name("EdDSA"))


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """A key pair with a `kid`; `algorithm`, if set, is published with it."""

    def __init__(self, kid: str, private: Any, algorithm: str | None = None) -> None:
        self.kid, self.private, self.algorithm = kid, private, algorithm

    @property
    def document(self) -> dict[str, Any]:
        kind = {rsa.RSAPrivateKey: "RS256", ec.EllipticCurvePrivateKey: "ES256"}
        name = next((alg for of, alg in kind.items() if isinstance(self.private, of)), "EdDSA")
        public = jwt.get_algorithm_by_name(name).to_jwk(self.private.public_key())
        named = {"alg": self.algorithm} if self.algorithm else {}
        return {**json.loads(public), "kid": self.kid, "use": "sig", **named}


class IdentityProvider:
    """An identity provider that signs in `user` without asking.

    A second one at `/form` has the same keys, and takes the client's secret in the form only.
    """

    def __init__(self) -> None:
        self.keys = [
            Key("rsa", rsa.generate_private_key(65537, 2048)),
            Key("ec", ec.generate_private_key(ec.SECP256R1())),
            Key("ed", ed25519.Ed25519PrivateKey.generate()),
        ]
        self.user: dict[str, Any] = {}
        self.nonce: str | None = None
        self.asked: list[str] = []
        self.issuer = ""
        self._codes: dict[str, dict[str, str]] = {}

    def token(self, kid: str | None = None, algorithm: str = "RS256", **claims: Any) -> str:
        """Sign a token for the API, by the first key unless another is named.

        `claims` override the defaults.
        """
        key = next(key for key in self.keys if kid in (None, key.kid))
        now = int(time.time())
        whole = {"iss": self.issuer, "aud": "flows", "sub": "u-1", "iat": now, "exp": now + 300,
                 "org": "acme-corp", "groups": ["staff"], **claims}  # fmt: skip
        kept = {name: item for name, item in whole.items() if item is not None}
        return jwt.encode(kept, key.private, algorithm, {"kid": key.kid})

    def answer(self, method: str, path: str, given: dict[str, str], basic: str) -> tuple[int, Any]:
        """Return the status with a document, or with an address to redirect to."""
        self.asked.append(path)
        realm, _, rest = path.removeprefix("/").partition("/")
        issuer = self.issuer.replace("/realm", f"/{realm}")
        form_only = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        match method, rest:
            case "GET", ".well-known/openid-configuration":
                return 200, {
                    "issuer": issuer,
                    "jwks_uri": f"{issuer}/keys",
                    "authorization_endpoint": f"{issuer}/authorize?theme=plain",
                    "token_endpoint": f"{issuer}/token",
                    **(form_only if realm == "form" else {}),
                }
            case "GET", "keys":
                secret = {"kty": "oct", "k": _b64(b"x" * 32), "kid": "shared", "alg": "HS256"}
                return 200, {"keys": [secret, *(key.document for key in self.keys)]}
            case "GET", "authorize":
                assert given["response_type"] == "code"
                assert given["code_challenge_method"] == "S256"
                assert "openid" in given["scope"].split()
                code = f"code-{len(self._codes)}"
                self._codes[code] = given
                back = {"code": code, "state": given["state"], "iss": issuer}
                return 302, f"{given['redirect_uri']}?{urlencode(back)}"
            case "POST", "token":
                return self._exchange(issuer, given, basic)
        return 404, {}

    def _exchange(self, issuer: str, given: dict[str, str], basic: str) -> tuple[int, Any]:
        asked = self._codes.pop(given["code"], None)
        pair = base64.b64encode(b"stepwell:client%20secret%2F1").decode()
        challenge = _b64(hashlib.sha256(given["code_verifier"].encode()).digest())
        shown = given.get("client_secret") if issuer.endswith("/form") else basic
        if shown != (SECRET if issuer.endswith("/form") else f"Basic {pair}"):
            return 401, {"error": "invalid_client", "error_description": "not by this method"}
        fits = asked is not None and (
            given["grant_type"] == "authorization_code"
            and given["redirect_uri"] == asked["redirect_uri"]
            and challenge == asked["code_challenge"]
        )
        if asked is None or not fits:
            return 400, {"error": "invalid_grant"}
        nonce = self.nonce or asked["nonce"]
        token = self.token(**{"iss": issuer, "aud": CLIENT, "nonce": nonce, **self.user})
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Serve an identity provider until the block ends."""
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET", urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer("POST", self.rfile.read(int(self.headers["content-length"])).decode())

        def _answer(self, method: str, query: str) -> None:
            given = {name: items[0] for name, items in parse_qs(query).items()}
            basic = self.headers.get("authorization", "")
            status, found = provider.answer(method, urlsplit(self.path).path, given, basic)
            body = b"" if isinstance(found, str) else json.dumps(found).encode()
            self.send_response(status)
            if isinstance(found, str):
                self.send_header("location", found)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_address[1]}/realm"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield provider
        server.shutdown()
