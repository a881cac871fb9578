"""Addresses by which another system sends a signal to one visit of a step.

An address contains a sealed token that names the visit, so the server stores nothing for it.
Whoever has the address may send one signal to one run, and nobody can guess another address. All
attempts of a visit use the same address, since a step that sends its request again must send the
same one.
"""

import json

from app.auth.sealed_token import sealed_values, token_of
from app.secrets.seal import Keyring
from engine.value import value

_KIND = "callback"
PATH = "/callback/"


@value(frozen=True, slots=True)
class Callback:
    """The visit of a step that an address belongs to."""

    tenant: str
    run_id: str
    step_id: str
    visit: int

    @property
    def key(self) -> str:
        """The idempotency key of the signal that it sends."""
        return f"{self.run_id}:{self.step_id}:{self.visit}"


class Callbacks:
    """Makes callback addresses and reads their tokens.

    Attributes:
        base_url: The server's address as other systems reach it.
    """

    def __init__(self, keyring: Keyring, base_url: str) -> None:
        self._keyring = keyring
        self.base_url = base_url

    def address(self, tenant: str, run_id: str, step_id: str, visit: int) -> str:
        """Return the address of a visit."""
        text = json.dumps([tenant, run_id, step_id, visit])
        sealed = self._keyring.seal_alike(_KIND, text)
        return f"{self.base_url}{PATH}{token_of(sealed)}"

    def read(self, token: str) -> Callback:
        """Return the visit that a token names. Raises `LinkUnusable`."""
        return Callback(*sealed_values(self._keyring, _KIND, token))
