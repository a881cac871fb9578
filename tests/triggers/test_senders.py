"""Which senders a trigger address accepts: signatures, shared secrets and challenges."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness.server import Server, settled
from tests.triggers.conftest import nothing_to_do
from tests.triggers.incoming import TAKES, firings, put

SECRET = "a-secret-of-the-sender-0123456789"
WHSEC = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.fixture(scope="module")
def owner(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        client.post("/api/workflows", json=nothing_to_do("takes", payload=TAKES)).raise_for_status()
        client.post("/api/workflows", json=nothing_to_do("any")).raise_for_status()
        for name, value in (("SENDER", SECRET), ("STANDARD", WHSEC)):
            client.put(f"/api/secrets/{name}", json={"value": value}).raise_for_status()
        yield client


def mac(text: bytes, secret: bytes = SECRET.encode(), how: str = "sha256") -> Any:
    return hmac.new(secret, text, how)


def signed(preset: str, body: bytes, at: int, secret: str = "") -> dict[str, str]:
    """Return the headers with which a sender of this preset signs a request."""
    key = secret.encode() or SECRET.encode()
    if preset == "github":
        return {"x-hub-signature-256": "sha256=" + mac(body, key).hexdigest(),
                "x-github-delivery": hashlib.md5(body).hexdigest()}  # fmt: skip
    if preset == "stripe":
        return {
            "stripe-signature": f"t={at},v1=00,v1={mac(f'{at}.'.encode() + body, key).hexdigest()},v0=1"
        }
    if preset == "slack":
        return {"x-slack-request-timestamp": str(at),
                "x-slack-signature": "v0=" + mac(f"v0:{at}:".encode() + body, key).hexdigest()}  # fmt: skip
    if preset == "standard-webhooks":
        key = base64.b64decode((secret or WHSEC).removeprefix("whsec_"))
        text = f"msg_1.{at}.".encode() + body
        return {"webhook-id": "msg_1", "webhook-timestamp": str(at),
                "webhook-signature": "v1,AAAA v1," + base64.b64encode(mac(text, key).digest()).decode()}  # fmt: skip
    if preset == "basic":
        return {"authorization": "Basic " + base64.b64encode(b"me:" + key).decode()}
    if preset == "header":
        return {"x-shared": key.decode()}
    return {"x-mac": "h=" + base64.b64encode(mac(f"{at}.".encode() + body, key, "sha512").digest()).decode(),
            "x-at": str(at)}  # fmt: skip


MORE: dict[str, dict[str, str]] = {
    "hmac": {"header": "X-Mac", "algorithm": "sha512", "encoding": "base64", "prefix": "h=",
             "timestampHeader": "X-At"},
    "basic": {"username": "me"},
    "header": {"header": "X-Shared"},
}  # fmt: skip
PRESETS = ("github", "stripe", "slack", "standard-webhooks", "hmac", "basic", "header")
TIMED = ("stripe", "slack", "standard-webhooks", "hmac")


@pytest.mark.parametrize("preset", PRESETS)
def test_only_requests_signed_with_the_secret_are_accepted(
    owner: httpx.Client, sender: httpx.Client, preset: str
) -> None:
    secret = "STANDARD" if preset == "standard-webhooks" else "SENDER"
    verify = {"preset": preset, "secret": secret, **MORE.get(preset, {})}
    name = f"from-{preset}"
    url = put(owner, name, verify=verify, workflowId="takes")["url"]
    now, body = int(time.time()), b'{"amount": 3, "id": "evt_1", "event_id": "Ev1"}'
    kind = {"content-type": "application/json"}

    def send(headers: Any, content: bytes = body) -> int:
        given = [*kind.items(), *(headers.items() if isinstance(headers, dict) else headers)]
        raw = [(key.encode(), value.encode("latin-1")) for key, value in given]
        return sender.post(url, content=content, headers=raw).status_code

    right = signed(preset, body, now)
    other = WHSEC[:-4] + "AAA=" if preset == "standard-webhooks" else "another-secret-0123456789"
    forged: dict[str, Any] = {
        "nothing": {},
        "another secret": signed(preset, body, now, other),
        "empty": dict.fromkeys(right, ""),
        "odd": dict.fromkeys(right, "\xff=,v1,"),
        "twice": [*right.items(), *right.items()],
    }
    if preset not in ("basic", "header"):
        forged["another body"] = signed(preset, body + b" ", now)
    if preset in TIMED:
        forged["an hour old"] = signed(preset, body, now - 3_600)
        forged["of tomorrow"] = signed(preset, body, now + 86_400)
        forged["no time"] = {**right, **{k: "soon" for k, v in right.items() if v == str(now)}}
        if preset == "stripe":
            forged["no time"] = {"stripe-signature": "v1=00"}
    assert {what: send(headers) for what, headers in forged.items()} == dict.fromkeys(forged, 401)
    assert send(right) == 202
    outcomes = [what for what, _ in firings(owner, name)]
    assert outcomes.count("started") == 1
    assert outcomes.count("refused") == min(10, len(forged))
    kept = owner.get(f"/api/triggers/{name}/firings").json()["firings"]
    (started,) = [item for item in kept if item["outcome"] == "started"]
    run = settled(owner, started["runId"])
    assert (run["data"]["amount"], run["data"]["who"]) == (3, "nobody")
    shown = owner.get(f"/api/triggers/{name}/firings/{started['key']}").text
    secrets = [value for key, value in right.items() if key != "x-github-delivery"]
    assert not any(value in shown for value in (SECRET, *secrets) if len(value) > 12)
    answer = sender.post(url, content=body, headers={**kind, **right}).json()
    again = preset in ("github", "stripe", "slack", "standard-webhooks")
    assert (answer["duplicate"], answer["runId"] == started["runId"]) == (again, again)


def test_the_challenge_is_returned_only_to_a_verified_slack_request(
    owner: httpx.Client, sender: httpx.Client
) -> None:
    url = put(owner, "slack", verify={"preset": "slack", "secret": "SENDER"})["url"]
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1a"}).encode()
    kind = {"content-type": "application/json"}
    assert sender.post(url, content=body, headers=kind).status_code == 401
    answer = sender.post(
        url, content=body, headers={**kind, **signed("slack", body, int(time.time()))}
    )
    assert (answer.status_code, answer.text) == (200, "3eZbrw1a")
    assert firings(owner, "slack")[0][0] == "answered"
    missing = put(owner, "missing", verify={"preset": "slack", "secret": "NOT_THERE"})["url"]
    assert sender.post(missing, content=body, headers=kind).status_code == 503
    assert "NOT_THERE" in str(firings(owner, "missing")[0][1])
