"""Who may answer a pause: the people it names, who has claimed it, and who is always excluded."""

from collections.abc import Iterable

from app.auth.caller import Caller
from app.auth.roles import Role
from engine import Json, JsonObject

CLOCK = "deadline"
"""The answerer on record if the deadline has passed and its default answer is taken."""

NAMES_NOBODY = (
    "this question is for certain people, but the `assignees` of its workflow name nobody; "
    "an admin can answer or delegate it"
)
"""Why only an admin may answer."""

_PEOPLE = ("person", "user")
_EXACT = ("person:", "user:", "group:", "key:", "link:")
"""Prefixes that make a name mean one kind only; no person or group has a name that begins so."""

_LINK = "link"


class NotYours(Exception):
    """The caller may not answer a pause, or may not decide who answers it."""


def names_of(caller: Caller) -> frozenset[str]:
    """Return the names by which a pause may refer to the caller, case-folded.

    `person:ada` and `ada`, `group:finance` and `finance`; for a key only `key:robot`.
    """
    kind, _, bare = caller.name.partition(":")
    names, plain = {caller.name}, set()
    if kind in _PEOPLE:
        plain.add(bare)
    groups = caller.context.get("groups")
    for group in groups if isinstance(groups, list) else []:
        names.add(f"group:{group}")
        plain.add(str(group))
    folded = {name.casefold() for name in plain}
    return frozenset(
        {name.casefold() for name in names}
        | {name for name in folded if not name.startswith(_EXACT)}
    )


def own_names(caller: Caller) -> frozenset[str]:
    """Return the names that refer to the caller alone: those of groups are left out."""
    return names_of(Caller(caller.tenant, caller.role, caller.name))


def named_in(body: JsonObject, key: str) -> frozenset[str]:
    """Return the names that a pause lists under a key, case-folded."""
    listed = body.get(key)
    return frozenset(_folded(listed)) if isinstance(listed, list) else frozenset()


def names_nobody(body: JsonObject) -> bool:
    """Return whether a pause is for certain people but its workflow has given no name."""
    return body.get("assignees") == []


def answered_by(body: JsonObject) -> frozenset[str]:
    """Return who has answered a pause that needs several answers, case-folded."""
    answers = body.get("answers")
    listed = answers if isinstance(answers, list) else []
    return frozenset(_folded(one.get("answeredBy") for one in listed if isinstance(one, dict)))


def _folded(names: Iterable[Json]) -> Iterable[str]:
    return (str(name).casefold() for name in names)


def must_be_allowed(body: JsonObject, caller: Caller) -> None:
    """Raise `NotYours` if the caller may not answer a pause with this body."""
    if reason := refusal(body, caller):
        raise NotYours(reason)


def refusal(body: JsonObject, caller: Caller) -> str:
    """Return why the caller may not answer; empty if they may.

    Excluded people stay excluded whatever their role. A link was made by somebody who may answer. A
    role of admin or above may answer for the people who are named.
    """
    if caller.name == CLOCK:
        return ""
    names = names_of(caller)
    if named_in(body, "exclude") & names:
        return "you may not answer this question: its workflow excludes you"
    if caller.name.casefold() in answered_by(body):
        return "you have answered this question; it waits for somebody else"
    if caller.name.casefold() in named_in(body, "handedOn"):
        return "you have delegated your answer to this question"
    if caller.name.startswith(f"{_LINK}:") or caller.role.includes(Role.ADMIN):
        return ""
    if names_nobody(body):
        return NAMES_NOBODY
    assignees = named_in(body, "assignees")
    if assignees and not assignees & names:
        who = ", ".join(str(name) for name in _listed(body, "assignees")[:5])
        return f"this question is for {who}, and you are not one of them"
    claimed = body.get("claimedBy")
    if claimed and claimed != caller.name:
        return f"{claimed} has claimed this question; they or an admin can release it"
    return ""


def _listed(body: JsonObject, key: str) -> list[Json]:
    listed = body.get(key)
    return listed if isinstance(listed, list) else []


def needs_sign_in(body: JsonObject) -> bool:
    """Return whether a pause has to know who answers, which a link cannot tell."""
    return bool(body.get("exclude")) or "required" in body
