"""The JSON of answers about people, sessions and the audit log, for the API description."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from app.wire.answers.parts import Time

PersonId = Annotated[str, Field(examples=["person_4b1f6c0d9a7e2f35"])]
SessionId = Annotated[str, Field(examples=["0b6f0d1f3c5a49c2b8a1d1c7e0a4f9b2"])]
Who = Annotated[str, Field(examples=["person:Ada"])]
RoleName = Literal["owner", "admin", "editor", "operator", "viewer"]
InvitationLink = Annotated[str, Field(examples=["https://flows.example/invitation/AbC..."])]


class PersonShown(TypedDict):
    """A person with their own sign-in."""

    id: PersonId
    name: Annotated[str, Field(examples=["Ada"])]
    role: RoleName
    groups: Annotated[list[str], Field(examples=[["finance"]])]
    signsIn: Literal["password", "passkey", "provider", "invited"]
    createdAt: Time
    signedInAt: Time | None
    disabledAt: Time | None


class PersonInvited(PersonShown):
    """A new person with their invitation, which is shown only once."""

    invitation: InvitationLink
    invitedUntil: Time


class Invitation(TypedDict):
    """A new invitation; older ones of this person become invalid."""

    id: PersonId
    invitation: InvitationLink
    invitedUntil: Time


class PasskeyShown(TypedDict):
    """A passkey of the caller."""

    id: Annotated[str, Field(examples=["3Q2-7wAAAAE"])]
    name: Annotated[str, Field(examples=["My laptop"])]
    createdAt: Time
    usedAt: Time | None


class SessionShown(TypedDict):
    """A signed-in browser."""

    id: SessionId
    who: Who
    openedBy: Literal["key", "token", "password", "passkey", "invitation", "provider"]
    address: Annotated[str, Field(examples=["203.0.113.7"])]
    browser: str
    beganAt: Time
    until: Time
    isThisOne: bool


class AuditEntry(TypedDict):
    """One recorded change."""

    position: Annotated[int, Field(examples=[17])]
    at: Time
    who: Who
    action: Annotated[str, Field(examples=["createKey"])]
    target: Annotated[str, Field(examples=["/api/keys"])]
    result: Annotated[
        str | None, Field(description="the name of what was created, such as a version")
    ]


class AuditPage(TypedDict):
    """Recorded changes, newest first."""

    entries: list[AuditEntry]
    nextCursor: str | None
