"""Somebody who has shown who they are."""

from dataclasses import field

from app.auth.errors import Forbidden
from app.auth.roles import Role
from engine import JsonObject
from engine.value import value


@value(frozen=True, slots=True)
class Caller:
    """Somebody who may ask something; `credential` tells keys, and users of tokens, apart."""

    tenant: str
    role: Role
    name: str
    context: JsonObject = field(default_factory=dict)
    credential: str = ""

    def require(self, role: Role) -> None:
        """Raise `Forbidden` unless this caller may do what `role` may."""
        if not self.role.includes(role):
            raise Forbidden(role, self.role)
