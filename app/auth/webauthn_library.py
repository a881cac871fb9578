"""Calls the WebAuthn library for passkeys; this file is loaded when a passkey is first used."""

import json
from typing import Any

import webauthn
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

WRONG = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError)
"""The errors that it raises for a document that is not valid."""

_ALONE = AuthenticatorSelectionCriteria(
    resident_key=ResidentKeyRequirement.REQUIRED,
    require_resident_key=True,
    user_verification=UserVerificationRequirement.REQUIRED,
)
"""A passkey signs in without a user name, so the device has to store the person with it."""


def to_make(host: str, name: str) -> tuple[bytes, dict[str, Any]]:
    """Return a challenge, and the options for a browser to make a passkey."""
    options = webauthn.generate_registration_options(
        rp_id=host, rp_name="Stepwell", user_name=name, authenticator_selection=_ALONE
    )
    return options.challenge, json.loads(webauthn.options_to_json(options))


def to_use(host: str) -> tuple[bytes, dict[str, Any]]:
    """Return a challenge, and the options for a browser to use a passkey."""
    options = webauthn.generate_authentication_options(
        rp_id=host, user_verification=UserVerificationRequirement.REQUIRED
    )
    return options.challenge, json.loads(webauthn.options_to_json(options))


def made(
    host: str, origin: str, challenge: bytes, document: dict[str, Any]
) -> tuple[str, bytes, int]:
    """Return id, public key and use count of a new passkey. Raises one of `WRONG`."""
    found = webauthn.verify_registration_response(
        credential=document,
        expected_challenge=challenge,
        expected_rp_id=host,
        expected_origin=origin,
        require_user_verification=True,
    )
    return bytes_to_base64url(found.credential_id), found.credential_public_key, found.sign_count


def used(  # noqa: PLR0913 - what is compared
    host: str,
    origin: str,
    challenge: bytes,
    document: dict[str, Any],
    *,
    public_key: bytes,
    uses: int,
) -> int:
    """Return the new use count of a passkey that signed the challenge. Raises one of `WRONG`."""
    found = webauthn.verify_authentication_response(
        credential=document,
        expected_challenge=challenge,
        expected_rp_id=host,
        expected_origin=origin,
        credential_public_key=public_key,
        credential_current_sign_count=uses,
        require_user_verification=True,
    )
    return found.new_sign_count
