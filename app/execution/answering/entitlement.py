"""Who may answer a pause: whom it names, who has claimed it, and who is left out in any case."""

from collections.abc import Iterable

from app.auth.caller import Caller
from app.auth.roles import Role
from engine import Json, JsonObject

CLOCK = "deadline"
"""Who answers where the deadline says what is taken."""

NAMES_NOBODY = (
    "this question is for somebody, but what its workflow gives for `assignees` names nobody; "
    "an admin can answer it, or hand it on"
)
"""Why only an admin may answer."""

_PEOPLE = ("person", "user")
_EXACT = ("person:", "user:", "group:", "key:", "link:")
"""What begins a name that means one kind only: nobody is called so, and no group is."""

_LINK = "link"


class NotYours(Exception):
    """Somebody may not answer a pause, or not say who shall."""


def names_of(caller: Caller) -> frozenset[str]:
    """Return the names by which a pause may mean somebody, in one case of letters.

    `person:ada` and `ada`, `group:finance` and `finance`; of a key only `key:robot`.
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
    """Return those names that mean nobody else: without groups."""
    return names_of(Caller(caller.tenant, caller.role, caller.name))


def named_in(body: JsonObject, key: str) -> frozenset[str]:
    """Return whom a pause names under a key, in one case of letters."""
    listed = body.get(key)
    return frozenset(_folded(listed)) if isinstance(listed, list) else frozenset()


def names_nobody(body: JsonObject) -> bool:
    """Say whether a pause is for somebody, and its workflow has given no name."""
    return body.get("assignees") == []


def answered_by(body: JsonObject) -> frozenset[str]:
    """Return who has answered a pause that wants several answers, in one case of letters."""
    answers = body.get("answers")
    listed = answers if isinstance(answers, list) else []
    return frozenset(_folded(one.get("answeredBy") for one in listed if isinstance(one, dict)))


def _folded(names: Iterable[Json]) -> Iterable[str]:
    return (str(name).casefold() for name in names)


def must_be_allowed(body: JsonObject, caller: Caller) -> None:
    """Raise `NotYours` where somebody may not answer a pause with this body."""
    if reason := refusal(body, caller):
        raise NotYours(reason)


def refusal(body: JsonObject, caller: Caller) -> str:
    """Return why somebody may not answer; empty where they may.

    Who is left out stays out whatever their role. A link was made by somebody who may answer. A
    role of admin or more answers for those who are named.
    """
    if caller.name == CLOCK:
        return ""
    names = names_of(caller)
    if named_in(body, "exclude") & names:
        return "this question may not be answered by you: its workflow leaves you out"
    if caller.name.casefold() in answered_by(body):
        return "you have answered this question; it waits for somebody else"
    if caller.name.casefold() in named_in(body, "handedOn"):
        return "you have handed on your answer to this question"
    if caller.name.startswith(f"{_LINK}:") or caller.role.includes(Role.ADMIN):
        return ""
    if names_nobody(body):
        return NAMES_NOBODY
    assignees = named_in(body, "assignees")
    if assignees and not assignees & names:
        told = ", ".join(str(name) for name in _listed(body, "assignees")[:5])
        return f"this question is for {told}, and you are none of them"
    claimed = body.get("claimedBy")
    if claimed and claimed != caller.name:
        return f"{claimed} has claimed this question; they or an admin can release it"
    return ""


def _listed(body: JsonObject, key: str) -> list[Json]:
    listed = body.get(key)
    return listed if isinstance(listed, list) else []


def needs_sign_in(body: JsonObject) -> bool:
    """Say whether a pause has to know who answers, which a link does not."""
    return bool(body.get("exclude")) or "required" in body
