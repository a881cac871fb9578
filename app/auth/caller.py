"""The caller of a request, after authentication."""

from dataclasses import field

from app.auth.errors import Forbidden
from app.auth.roles import Role
from engine import JsonObject
from engine.value import value


@value(frozen=True, slots=True)
class Caller:
    """Somebody who may make requests; `credential` tells which key or which token's user it is."""

    tenant: str
    role: Role
    name: str
    context: JsonObject = field(default_factory=dict)
    credential: str = ""

    def require(self, role: Role) -> None:
        """Raise `Forbidden` unless this caller may do what `role` may."""
        if not self.role.includes(role):
            raise Forbidden(role, self.role)
