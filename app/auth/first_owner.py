"""Makes the first owner, on a page for the person who can read the server's terminal.

If no owner can sign in when the server starts, it makes a code and shows it only in the terminal.
The code works once, until the server stops.
"""

import asyncio
import hmac
import secrets

from app.auth.callers import Authenticator
from app.auth.errors import Unauthorized
from app.auth.passkeys import NewPasskey
from app.auth.roles import Role
from app.clock import Clock
from journal import ChangeNote, PersonRow, changing

PATH = "/first-owner"
TENANT = "default"
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_PART = 5


class OwnerThere(Exception):
    """An owner can sign in already."""

    def __init__(self) -> None:
        super().__init__("an owner can sign in already; this page makes no more owners")


class FirstOwner:
    """Makes one owner, once."""

    def __init__(self, authenticator: Authenticator, clock: Clock) -> None:
        self._authenticator = authenticator
        self._people = authenticator.people
        self._clock = clock
        self._code: str | None = None
        self._making = asyncio.Lock()

    @property
    def is_wanted(self) -> bool:
        """Whether the page makes an owner now."""
        return self._code is not None and not self._authenticator.has_owner

    def new_code(self) -> str | None:
        """Return the code of this start; None if an owner can sign in."""
        if self._authenticator.has_owner:
            return None
        parts = ["".join(secrets.choice(_LETTERS) for _ in range(_PART)) for _ in range(2)]
        self._code = "-".join(parts)
        return self._code

    async def make(self, code: str, name: str, way: str | NewPasskey) -> PersonRow:
        """Make the owner, who signs in with a password or a passkey.

        Raises:
            OwnerThere: There is an owner already.
            Unauthorized: The code is wrong.
            UnfitPerson: The name cannot be used.
            UnfitPassword: The password cannot be used.
            PasskeyTaken: The passkey is somebody's already.
        """
        async with self._making:
            if not self.is_wanted:
                raise OwnerThere
            given, wanted = _plain(code), _plain(self._code or "")
            if not hmac.compare_digest(given.encode(), wanted.encode()):
                raise Unauthorized
            note = ChangeNote(TENANT, self._clock.now_ms(), f"person:{name}", "createPerson", PATH)
            with changing(note):
                if isinstance(way, NewPasskey):
                    made = await self._people.add(TENANT, name, Role.OWNER, passkey=way)
                else:
                    made = await self._people.add(TENANT, name, Role.OWNER, password=way)
            self._code = None
            return made


def _plain(code: str) -> str:
    return "".join(code.upper().replace("-", "").split())
