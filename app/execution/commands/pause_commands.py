"""What people do with an open pause besides answering it: claim, release, delegate."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

from app.auth.caller import Caller
from app.auth.roles import Role
from app.execution.answering.answers import asked_child, for_child
from app.execution.answering.entitlement import (
    NotYours,
    answered_by,
    must_be_allowed,
    named_in,
    names_of,
    own_names,
)
from app.execution.commands.fenced import Fenced
from app.execution.driving.driving import Driving
from app.execution.live.appends import Appends
from app.execution.live.live_runs import Load
from engine import ChangePause, JsonObject, NotPaused, Run
from engine.value import value
from steps.contract.step_type import InvalidAnswer, Problem

Verb: TypeAlias = Literal["claim", "unclaim", "delegate"]

_LONGEST_NAME = 200


@value(frozen=True, slots=True)
class PauseChange:
    """Who does what with a pause.

    Attributes:
        pause_id: Only if this pause is open; None: whichever is.
        to: To whom it is delegated.
        note: Why, for the history.
    """

    verb: Verb
    caller: Caller
    pause_id: str | None = None
    to: str = ""
    note: str = ""


class PauseCommands:
    """Changes who is to answer; the pause and its links stay as they are."""

    def __init__(self, appends: Appends, driving: Driving, fenced: Fenced) -> None:
        self._fenced = fenced
        self._appends = appends
        self._driving = driving

    async def change(self, tenant: str, run_id: str, wanted: PauseChange) -> Run:
        """Change the pause of a run, or of the child run for which it is paused; durable on return.

        Raises:
            NotPaused: The run asks nothing, or something else.
            NotYours: The caller may not answer it, or it is claimed by another.
            InvalidAnswer: It cannot be delegated to that person or group.
        """
        return await self._fenced(lambda load: self._change(load, tenant, run_id, wanted))

    async def _change(self, load: Load, tenant: str, run_id: str, wanted: PauseChange) -> Run:
        async with load(tenant, run_id) as live:
            async with live.lock:
                await self._appends.append(live)
                meant: JsonObject = {}
                if wanted.pause_id is not None:
                    meant = {"pauseId": wanted.pause_id}
                child_id = asked_child(live.run, meant)
                inner = for_child(live.run, meant)
                if child_id is None:
                    change = _CHANGES[wanted.verb](_body(live.run), wanted)
                    wake_ms = live.run.wake_at_ms
                    self._appends.take(live, ChangePause(*change, wake_at_ms=wake_ms))
                    await self._appends.append(live)
            shown = live.run.copy()
            if child_id is None:
                self._driving.carry_on(live)
        if child_id is not None:
            pause_id = str(inner["pauseId"]) if "pauseId" in inner else None
            await self.change(tenant, child_id, replace(wanted, pause_id=pause_id))
        return shown


def _body(run: Run) -> JsonObject:
    if run.pause is None or run.pause.interruption or run.awaited_signal:
        raise NotPaused(f"run {run.id} asks nothing that can be claimed or delegated")
    return run.pause.body


_Change: TypeAlias = tuple[str, JsonObject, str, str]


def _claimed(body: JsonObject, wanted: PauseChange) -> _Change:
    caller = wanted.caller
    must_be_allowed(body, caller)
    claimed = body.get("claimedBy")
    if claimed and claimed != caller.name:
        raise NotYours(f"{claimed} has claimed this question; they or an admin can release it")
    return "claimed", {"claimedBy": caller.name}, caller.name, wanted.note


def _released(body: JsonObject, wanted: PauseChange) -> _Change:
    caller = wanted.caller
    claimed = body.get("claimedBy")
    if not claimed:
        raise NotPaused("nobody has claimed this question")
    if claimed != caller.name and not caller.role.includes(Role.ADMIN):
        raise NotYours(f"{claimed} has claimed this question; they or an admin can release it")
    return "released", {"claimedBy": None}, caller.name, wanted.note


def _delegated(body: JsonObject, wanted: PauseChange) -> _Change:
    caller = wanted.caller
    must_be_allowed(body, caller)
    name = " ".join(wanted.to.split())
    if not name or len(name) > _LONGEST_NAME:
        raise InvalidAnswer([Problem("to", "is required: the name of a person or a group")])
    folded = name.casefold()
    alike = {folded, f"person:{folded}", f"user:{folded}", folded.partition(":")[2]}
    if alike & named_in(body, "exclude"):
        raise InvalidAnswer([Problem("to", f"{name} is excluded from this question")])
    if alike & answered_by(body):
        message = f"{name} has answered this question; it waits for somebody else"
        raise InvalidAnswer([Problem("to", message)])
    alone: JsonObject = {"assignees": [name]}
    who = _voice_handed(body, caller, name) if "required" in body else alone
    changed: JsonObject = {**who, "delegatedBy": caller.name, "claimedBy": None}
    return "delegated", changed, caller.name, wanted.note


def _voice_handed(body: JsonObject, caller: Caller, name: str) -> JsonObject:
    """Return who may answer after the caller has delegated one of several required answers.

    The number stays the same, so that enough can still come: the delegate replaces the caller.
    """
    asked = body.get("assignees")
    if not isinstance(asked, list):
        message = (
            f"anybody may answer this question, which waits for {body['required']} answers: "
            f"{name} can answer it already"
        )
        raise InvalidAnswer([Problem("to", message)])
    if name.casefold() in named_in(body, "assignees"):
        raise InvalidAnswer([Problem("to", f"{name} is asked already and has only one answer")])
    own = own_names(caller)
    left = [one for one in asked if str(one).casefold() not in own]
    gone = body.get("handedOn")
    given = [*(gone if isinstance(gone, list) else []), caller.name]
    is_asked = bool(named_in(body, "assignees") & names_of(caller))
    return {"assignees": [*left, name], **({"handedOn": given} if is_asked else {})}


_CHANGES: dict[Verb, Callable[[JsonObject, PauseChange], _Change]] = {
    "claim": _claimed,
    "unclaim": _released,
    "delegate": _delegated,
}
