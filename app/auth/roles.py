"""Roles, each of which may do what those below it may."""

from enum import StrEnum


class Role(StrEnum):
    """What a caller may do."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    OPERATOR = "operator"
    VIEWER = "viewer"

    def includes(self, other: "Role") -> bool:
        """Say whether this role may do what `other` may."""
        return _RANKS[self] <= _RANKS[other]


_RANKS = {role: rank for rank, role in enumerate(Role)}
