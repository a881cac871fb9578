"""Parses and checks mail addresses."""

import re
from collections.abc import Iterable
from email.headerregistry import Address

from app.outbound.domain_names import domain_of
from steps.contract.step_type import StepBroke

_NAMED = re.compile(r"(?P<shown>[^<>]*)<(?P<address>[^<>\s]+)>\s*")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]")
_LONGEST = 254
_LONGEST_LOCAL = 64
_LONGEST_NAMED = 1_000
_LONGEST_SHOWN = 600


def invalid_email(message: str) -> StepBroke:
    """Return the failure for a message that cannot be sent as it is."""
    return StepBroke("InvalidEmail", message, retryable=False)


def one_line(text: str, name: str) -> str:
    """Return `text` if it has no line break, not even an encoded one. Raises `StepBroke`."""
    if _CONTROL.search(text):
        raise invalid_email(f"{name} must be one line without control characters")
    # Python's email library decodes encoded words in plain text, including line breaks.
    if "=?" in text:
        raise invalid_email(f"{name} must be plain text, without encoded words (=?...?=)")
    return text


def addresses(given: str | Iterable[str] | None, name: str) -> list[Address]:
    """Parse addresses such as `ada@example.com` or `Ada <ada@example.com>`. Raises `StepBroke`."""
    texts = [] if given is None else [given] if isinstance(given, str) else given
    found = []
    for text in texts:
        if len(text) > _LONGEST_NAMED:
            raise invalid_email(f"{name} has an address of more than {_LONGEST_NAMED} characters")
        named = _NAMED.fullmatch(one_line(text, name))
        shown = named["shown"].strip().strip('"') if named else ""
        found.append(_checked(shown, named["address"] if named else text.strip(), name))
    return found


def _checked(shown: str, address: str, name: str) -> Address:
    local, _, domain = address.rpartition("@")
    try:
        domain = domain_of(domain)
    except ValueError as odd:
        message = f"{name}: {address[:300]!r} has no valid domain: {odd}"
        raise invalid_email(message[:_LONGEST_SHOWN]) from odd
    is_valid = (
        _LOCAL.fullmatch(local)
        and len(local) <= _LONGEST_LOCAL
        and len(local) + len(domain) < _LONGEST
        and all(_LABEL.fullmatch(label) for label in domain.split("."))
    )
    if not is_valid:
        hint = "; give several as a list" if "," in address or ";" in address else ""
        raise invalid_email(f"{name}: {address[:300]!r} is not a mail address{hint}")
    return Address(shown, local, domain)
