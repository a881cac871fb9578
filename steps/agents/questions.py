"""The questions to people about an agent's calls, and the records of the answers.

A pause about calls lists each one under `calls`. People answer all of them with the `actionId` of
the pause, or one by one with the `actionId` of a call. Each answer becomes a record, and the agent
asks again for the remaining calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine import Json, JsonObject, Pause, Pauses, iso_time
from engine.value import value
from steps.agents.limits import ACTIONS as LIMIT_ACTIONS
from steps.agents.limits import kept_answer
from steps.agents.tools import Offer
from steps.asking.chosen_action import action_problems
from steps.contract.records import KEPT, names_kept
from steps.contract.step_type import GoesOn, InvalidAnswer, Problem, StepInput
from steps.effects.effects import Effects
from steps.tools.arguments import argument_problems

APPROVED, REJECTED = "approved", "rejected"
HAPPENED, AGAIN, SKIP = "happened", "again", "skip"
_DOUBT_ACTIONS: tuple[JsonObject, ...] = (
    {"value": HAPPENED, "label": "It happened: this is its result"},
    {"value": AGAIN, "label": "Call again"},
    {"value": SKIP, "label": "Continue without it"},
)
_NOBODY = "deadline"


@value(frozen=True, slots=True)
class Asked:
    """A call about which a person is asked."""

    name: str
    offer: Offer
    arguments: JsonObject


@value(frozen=True, slots=True)
class Decision:
    """A person's decision about a call.

    Attributes:
        edited: The arguments that replace the model's.
        refusal: The message to the model about a rejected call.
    """

    approved: bool
    edited: "JsonObject | None"
    refusal: str


class Questions:
    """Asks about the calls of one visit, and finds the answers among its records.

    Attributes:
        agent: The name of the agent at work, as people see it.
    """

    def __init__(self, agent: str, step: StepInput, effects: Effects) -> None:
        self.agent = agent
        self._step = step
        self._effects = effects
        self._kept = names_kept(effects.recalled(KEPT))

    def is_kept(self, name: str) -> bool:
        """Return whether a record comes from the run that this run reruns."""
        return name in self._kept

    def decision(self, call: str) -> Decision | None:
        """Return the decision about a call, None if there is none yet."""
        kept = self._effects.recalled(f"{call}/approval")
        turn, number = call.partition("/")[0], 1
        while kept is None and (some := self._effects.recalled(f"{turn}/approvals-{number}")):
            decisions = some.get("decisions") if isinstance(some, dict) else None
            kept = decisions.get(call) if isinstance(decisions, dict) else None
            number += 1
        if not isinstance(kept, dict):
            return None
        edited, comment = kept.get("arguments"), kept.get("comment")
        who = "nobody approved this call in time" if kept.get("by") == _NOBODY else ""
        refusal = who or "a person rejected this call"
        return Decision(
            bool(kept["approved"]),
            edited if isinstance(edited, dict) else None,
            f"{refusal}: {comment}" if comment else refusal,
        )

    async def approval(self, turn: str, asked: Sequence[Asked]) -> Pauses:
        """Return the approval question for several calls: one pause for all of them."""
        calls = [self._shown(one) for one in asked]
        first, deadlines = calls[0], [one for one in asked if one.offer.terms.get("deadlineMs")]
        deadline_ms = None
        if deadlines:
            deadline_ms = await self._deadlines(turn, deadlines, calls)
        is_one = len(asked) == 1
        number = 1
        while self._effects.recalled(f"{turn}/approvals-{number}") is not None:
            number += 1
        what = str(first["tool"]) if is_one else f"{len(asked)} tools"
        body: JsonObject = {
            "stepId": self._step.step_id,
            "actionId": first["actionId"] if is_one else f"{self._step.step_id}/{turn}",
            "message": f"{self.agent} wants to call {what}",
            "actions": [
                {"value": APPROVED, "label": "Approve" if is_one else "Approve all"},
                {"value": REJECTED, "label": "Reject" if is_one else "Reject all"},
            ],
            "calls": [*calls],
            "record": f"{first['call']}/approval" if is_one else f"{turn}/approvals-{number}",
        }
        if is_one:
            body |= {name: first[name] for name in ("call", "tool", "arguments", "inputSchema")}
        if deadline_ms is not None:
            body["deadline"] = iso_time(deadline_ms)
        return Pauses(Pause("request_user_action", body), deadline_ms)

    async def _deadlines(
        self, turn: str, asked: Sequence[Asked], calls: Sequence[JsonObject]
    ) -> int:
        """Show each call's deadline; return the earliest. They count from the first question."""

        async def work() -> Json:
            return {"askedAtMs": self._effects.now_ms()}

        kept = await self._effects.record(f"{turn}/asked", work)
        assert isinstance(kept, dict)  # noqa: S101 - written above
        begin: Any = kept["askedAtMs"]
        found: list[int] = []
        for one in asked:
            length: Any = one.offer.terms["deadlineMs"]
            found.append(begin + length)
            shown = next(call for call in calls if call["call"] == one.name)
            shown["deadline"] = iso_time(begin + length)
        return min(found)

    def doubt(self, record: str, asked: Asked) -> Pauses:
        """Return the question about the outcome of a call that a crash interrupted."""
        body: JsonObject = {
            "stepId": self._step.step_id,
            "actionId": f"{self._step.step_id}/{record}",
            "message": f"The server stopped while {self.agent} called {asked.offer.id}; "
            "whether the call was made is not known",
            "actions": [*_DOUBT_ACTIONS],
            "call": asked.name,
            "tool": asked.offer.id,
            "arguments": asked.arguments,
            "doubt": record,
        }
        return Pauses(Pause("request_user_action", body))

    def _shown(self, asked: Asked) -> JsonObject:
        shown: JsonObject = {
            "call": asked.name,
            "actionId": f"{self._step.step_id}/{asked.name}",
            "tool": asked.offer.id,
            "arguments": asked.arguments,
            "inputSchema": asked.offer.schema,
        }
        if approvers := asked.offer.terms.get("approvers"):
            shown["approvers"] = approvers
        return shown


def accepted(pause: JsonObject, answer: JsonObject) -> GoesOn:
    """Return the record for a person's answer to an agent's pause.

    Raises `InvalidAnswer` if the answer does not fit; the run stays paused.
    """
    limit, doubt = pause.get("limit"), pause.get("doubt")
    if isinstance(limit, dict):
        value = _chosen(pause, answer, LIMIT_ACTIONS)
        return GoesOn(str(limit["record"]), kept_answer(limit, value, _signed(answer)))
    if isinstance(doubt, str):
        return GoesOn(doubt, _of_doubt(pause, answer))
    return _Approval(pause, answer).record()


def unanswered(pause: JsonObject) -> GoesOn | None:
    """Return the record of calls that nobody approved in time; None for other pauses."""
    if pause.get("deadline") is None or "calls" not in pause:
        return None
    kept: JsonObject = {"approved": False, "by": _NOBODY, "at": pause["deadline"]}
    late = [call for call in _calls(pause) if call.get("deadline") == pause["deadline"]]
    if str(pause["record"]).endswith("/approval"):
        return GoesOn(str(pause["record"]), kept)
    return GoesOn(str(pause["record"]), {"decisions": {str(call["call"]): kept for call in late}})


class _Approval:
    """An answer to an approval question."""

    def __init__(self, pause: JsonObject, answer: JsonObject) -> None:
        self._pause, self._answer = pause, answer
        self._problems: list[Problem] = []

    def record(self) -> GoesOn:
        """Return the record to keep. Raises `InvalidAnswer`."""
        calls = {str(call["call"]): call for call in _calls(self._pause)}
        by_action = {call.get("actionId"): name for name, call in calls.items()}
        action = self._answer.get("actionId")
        single = next(iter(calls)) if len(calls) == 1 else by_action.get(action)
        if action != self._pause["actionId"] and action not in by_action:
            known = [repr(item) for item in (self._pause["actionId"], *by_action) if item]
            message = f"must be {' or '.join(dict.fromkeys(known))}"
            raise InvalidAnswer([Problem("actionId", message)])
        if single is not None:
            kept = self._kept(calls[single], self._answer, "")
            found = GoesOn(f"{single}/approval", kept)
        else:
            found = GoesOn(str(self._pause["record"]), {"decisions": self._together(calls)})
        if self._problems:
            raise InvalidAnswer(self._problems)
        return found

    def _together(self, calls: Mapping[str, JsonObject]) -> JsonObject:
        """Return the decision for each call: its own one, or the one for all."""
        given = self._answer.get("data")
        own = given.get("calls", {}) if isinstance(given, dict) else {}
        if not isinstance(own, dict) or (isinstance(given, dict) and given.keys() - {"calls"}):
            message = 'must be {"calls": {...}}: a decision for each call by its name'
            self._problems.append(Problem("data", message))
            return {}
        for name in own.keys() - calls.keys():
            message = f"there is no such call; they are {', '.join(calls)}"
            self._problems.append(Problem(f"data.calls.{name[:100]}", message))
        decisions: JsonObject = {}
        for name, call in calls.items():
            mine = own.get(name)
            if name in own and not isinstance(mine, dict):
                message = 'must be an object such as {"actionValue": "approved"}'
                self._problems.append(Problem(f"data.calls.{name}", message))
            elif isinstance(mine, dict):
                said = {**mine, **{k: self._answer[k] for k in ("answeredBy", "answeredAt")}}
                decisions[name] = self._kept(call, said, f"data.calls.{name}.")
            elif self._answer.get("actionValue") is not None or not own:
                said = {k: item for k, item in self._answer.items() if k != "data"}
                decisions[name] = self._kept(call, said, "")
        return decisions

    def _kept(self, call: JsonObject, said: Mapping[str, Json], path: str) -> JsonObject:
        value = said.get("actionValue")
        if value not in (APPROVED, REJECTED):
            self._problems.append(Problem(f"{path}actionValue", "must be approved or rejected"))
        approvers = call.get("approvers")
        if isinstance(approvers, list) and said["answeredBy"] not in approvers:
            message = f"only {', '.join(map(str, approvers))} may decide about {call['tool']}"
            self._problems.append(Problem(f"{path}actionValue", message))
        changed, schema = said.get("data"), call.get("inputSchema")
        if changed is not None and not isinstance(changed, dict):
            self._problems.append(Problem(f"{path}data", "must be an object"))
        elif value == APPROVED and isinstance(changed, dict) and isinstance(schema, dict):
            self._problems += argument_problems(schema, changed, f"{path}data")
        kept: JsonObject = {"approved": value == APPROVED, **_signed(said)}
        if changed is not None:
            kept["arguments"] = changed
        return kept


def _calls(pause: JsonObject) -> list[JsonObject]:
    """Return the calls that a pause asks about; older versions had a single one, not in a list."""
    calls = pause.get("calls")
    if isinstance(calls, list):
        return [call for call in calls if isinstance(call, dict)]
    names = ("call", "tool", "arguments", "inputSchema", "actionId")
    return [{name: pause[name] for name in names if name in pause}]


def _of_doubt(pause: JsonObject, answer: JsonObject) -> JsonObject:
    value = _chosen(pause, answer, _DOUBT_ACTIONS)
    kept: JsonObject = {"value": value, **_signed(answer)}
    data = answer.get("data")
    if value == HAPPENED:
        if data is None:
            data = {"result": "(it was made; what it gave is not known)"}
        if not isinstance(data, dict) or data.keys() != {"result"}:
            message = 'must be {"result": ...}: what the call has given'
            raise InvalidAnswer([Problem("data", message)])
        kept["result"] = data["result"]
    elif data:
        raise InvalidAnswer([Problem("data", f"has no meaning with {value}")])
    return kept


def _chosen(pause: JsonObject, answer: JsonObject, actions: Sequence[JsonObject]) -> str:
    """Return the chosen action. Raises `InvalidAnswer`."""
    values = (str(action["value"]) for action in actions)
    if problems := action_problems(pause, answer, values):
        raise InvalidAnswer(problems)
    return str(answer["actionValue"])


def _signed(said: Mapping[str, Json]) -> JsonObject:
    kept: JsonObject = {"by": said["answeredBy"], "at": said["answeredAt"]}
    beside = ("comment", "attachments")
    return {**kept, **{name: said[name] for name in beside if said.get(name) is not None}}
