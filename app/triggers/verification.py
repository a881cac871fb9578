"""Verifies who has sent a request, by signatures of other services, in constant time."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from app.triggers.verify_document import Verify
from app.webhooks.signature import signed_headers

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_MOST_SIGNATURES = 10
"""The most signatures in one header that are checked."""


class NotVerified(Exception):
    """The sender of a request is not the expected one.

    Attributes:
        why: The reason, for the trigger's owner; it is not sent to the sender.
        challenge: The `WWW-Authenticate` challenge of the answer.
    """

    def __init__(self, why: str, challenge: str = "Signature") -> None:
        self.why = why
        self.challenge = challenge
        super().__init__("this request is not from the expected sender")


def verify(
    how: Verify,
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now_ms: int,
) -> None:
    """Raise `NotVerified` unless one of the secrets matches a request.

    Args:
        how: The verification that the trigger asks for.
        secrets: The secret, and the previous one.
        headers: Header fields by lower-case name, each occurring once.
        body: The body as received.
        now_ms: The current time, in Unix milliseconds.
    """
    match how.preset:
        case "none":
            return
        case "basic":
            fits = _basic(how, secrets, headers)
        case "header":
            fits = _any_equal([_header(headers, str(how.header).lower())], secrets)
        case "github":
            signature = _header(headers, "x-hub-signature-256")
            fits = _fits([signature], secrets, body, prefix="sha256=")
        case "slack":
            at = _moment(_header(headers, "x-slack-request-timestamp"), how, now_ms)
            signature = _header(headers, "x-slack-signature")
            fits = _fits([signature], secrets, f"v0:{at}:".encode() + body, prefix="v0=")
        case "stripe":
            fits = _stripe(how, secrets, headers, body, now_ms)
        case "standard-webhooks":
            fits = _standard(how, secrets, headers, body, now_ms)
        case "hmac":
            fits = _hmac(how, secrets, headers, body, now_ms)
    if not fits:
        why = "the signature or other credential does not match"
        raise NotVerified(why, "Basic" if how.preset == "basic" else "Signature")


def used_headers(how: Verify) -> frozenset[str]:
    """Return the lower-case names of the headers that identify the sender."""
    given = [how.header, how.timestampHeader, "authorization", *_OF_PRESETS.get(how.preset, ())]
    return frozenset(name.lower() for name in given if name)


_OF_PRESETS = {
    "github": ("x-hub-signature-256", "x-hub-signature"),
    "stripe": ("stripe-signature",),
    "slack": ("x-slack-signature", "x-slack-request-timestamp"),
    "standard-webhooks": ("webhook-id", "webhook-timestamp", "webhook-signature"),
}


def _basic(how: Verify, secrets: Sequence[str], headers: Mapping[str, str]) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    try:
        credentials = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        credentials = b""
    fits = [
        hmac.compare_digest(credentials, f"{how.username}:{secret}".encode()) for secret in secrets
    ]
    return any(fits) and scheme.lower() == "basic"


def _stripe(
    how: Verify, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_ms: int
) -> bool:
    signature = _header(headers, "stripe-signature")
    parts = [part.strip().partition("=") for part in signature.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1:
        raise NotVerified("Stripe-Signature must have exactly one time t")
    at = _moment(times[0], how, now_ms)
    return _fits(given, secrets, f"{at}.".encode() + body)


def _standard(
    how: Verify, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_ms: int
) -> bool:
    message_id = _header(headers, "webhook-id")
    at = _moment(_header(headers, "webhook-timestamp"), how, now_ms)
    given = _header(headers, "webhook-signature").split(" ")[:_MOST_SIGNATURES]
    try:
        ours = signed_headers(secrets, message_id, int(at), body)["webhook-signature"].split(" ")
    except (binascii.Error, ValueError):
        raise NotVerified("the secret is not one of Standard Webhooks: whsec_ and base64") from None
    return _any_equal(given, ours)


def _hmac(
    how: Verify, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now_ms: int
) -> bool:
    signed = body
    if how.timestampHeader is not None:
        at = _moment(_header(headers, how.timestampHeader.lower()), how, now_ms)
        signed = f"{at}.".encode() + body
    given = _header(headers, str(how.header).lower())
    return _fits([given], secrets, signed, how.algorithm, encoding=how.encoding, prefix=how.prefix)


def _fits(  # noqa: PLR0913 - the parts of a signature's format
    given: Sequence[str],
    secrets: Sequence[str],
    signed: bytes,
    algorithm: str = "sha256",
    *,
    encoding: str = "hex",
    prefix: str = "",
) -> bool:
    ours = []
    for secret in secrets:
        digest = hmac.new(secret.encode(), signed, getattr(hashlib, algorithm)).digest()
        text = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
        ours.append(prefix + text)
    shown = given[:_MOST_SIGNATURES]
    if encoding == "hex":  # some senders write it in capitals
        shown, ours = [item.lower() for item in shown], [item.lower() for item in ours]
    return _any_equal(shown, ours)


def _any_equal(given: Sequence[str], ours: Sequence[str]) -> bool:
    """Compare all with all, whatever matches, so that the time it takes reveals nothing."""
    found = [hmac.compare_digest(one.encode(), other.encode()) for one in given for other in ours]
    return any(found)


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name, "")
    if not value:
        raise NotVerified(f"the header {name} is missing")
    return value


def _moment(text: str, how: Verify, now_ms: int) -> str:
    """Return the time of a signature as signed. Raises `NotVerified` if it is too far off."""
    if not _SECONDS.fullmatch(text):
        raise NotVerified("the time of the signature is not a number of seconds")
    if abs(now_ms - int(text) * 1_000) > how.tolerance:
        message = "the time of the signature is too far from now: a replay, or a wrong clock"
        raise NotVerified(message)
    return text
