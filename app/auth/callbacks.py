"""Addresses of single visits of steps, to which another system sends what it has to say.

An address is a sealed text that names the visit, so that nothing about it is kept: whoever
has it may send one signal to one run, and nobody can guess another. It is the same for all
attempts of a visit, since what a step sends again must be the same.
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
        """The key of the signal that it sends."""
        return f"{self.run_id}:{self.step_id}:{self.visit}"


class Callbacks:
    """Makes addresses and reads them.

    Attributes:
        base_url: The server's own address, for others.
    """

    def __init__(self, keyring: Keyring, base_url: str) -> None:
        self._keyring = keyring
        self.base_url = base_url

    def address(self, tenant: str, run_id: str, step_id: str, visit: int) -> str:
        """Return the address of a visit."""
        text = json.dumps([tenant, run_id, step_id, visit])
        sealed = self._keyring.seal_alike(_KIND, "", "", text)
        return f"{self.base_url}{PATH}{token_of(sealed)}"

    def read(self, token: str) -> Callback:
        """Return the visit that a token names. Raises `LinkUnusable`."""
        return Callback(*sealed_values(self._keyring, _KIND, token))
