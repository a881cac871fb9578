"""Roles; each may do everything that the roles below it may do."""

from enum import StrEnum


class Role(StrEnum):
    """What a caller may do."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"

    def includes(self, other: "Role") -> bool:
        """Return whether this role may do everything that `other` may."""
        return _RANKS[self] <= _RANKS[other]


_RANKS = {role: rank for rank, role in enumerate(Role)}
