"""Why a caller is turned away."""

from app.auth.roles import Role


class Unauthorized(Exception):
    """Who is asking is not known. All causes look the same from outside."""

    def __init__(self) -> None:
        super().__init__(
            "send a valid x-api-key with its x-tenant-id, or a valid token as "
            "Authorization: Bearer ..."
        )


class Forbidden(Exception):
    """The caller's role is too low."""

    def __init__(self, needed: Role, role: Role) -> None:
        super().__init__(f"this needs the role {needed}, and the credentials have {role}")
