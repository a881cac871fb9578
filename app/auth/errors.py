"""Errors for callers that are refused."""

from app.auth.roles import Role


class Unauthorized(Exception):
    """The caller is not known. All causes get the same answer, so it gives nothing away."""

    def __init__(self) -> None:
        super().__init__(
            "send a valid x-api-key with its x-tenant-id, or a valid token as "
            "Authorization: Bearer ..."
        )


class Forbidden(Exception):
    """The caller's role is too low."""

    def __init__(self, needed: Role, role: Role) -> None:
        super().__init__(f"this needs the role {needed}, and the credentials have {role}")


class ProviderUnavailable(Exception):
    """A token cannot be checked: its provider's keys are not known and cannot be fetched now."""

    retry_after_s = 5

    def __init__(self, title: str) -> None:
        super().__init__(
            f"{title} cannot be reached now, so its tokens cannot be checked; try again"
        )
