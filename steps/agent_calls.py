"""The calls of one answer: what can be made is made side by side, people are asked for the rest.

Each call has one outcome, kept as a record, which the model is told.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

from engine import AwaitsChildren, Json, JsonObject, OnInterrupted, Pauses, StepError
from engine.value import value
from steps.agent import Limits
from steps.agent_limits import AgentLimits
from steps.agent_person import question
from steps.agent_questions import Asked, Decision, Questions
from steps.agent_recorded import RecordedCalls
from steps.agent_told import error_of, of_workflow, told_edit, told_error
from steps.agent_tools import DELIVER, Offer
from steps.chat import Part, TextPart, ToolCall
from steps.child_runs import ChildPlan, ChildrenOpen, ChildRun
from steps.contract import StepBroke, StepInput, listed
from steps.effects import Effects
from steps.model_output import fitted, schema_of
from steps.records import CHILD_USAGE
from steps.tool_result import shown

_NAMESPACE = "functions."  # some models name a tool by what they were trained on
_JITTER = 2**32
_LONGEST_SCHEMA = 20_000


@value(frozen=True, slots=True)
class Told:
    """What the model is told of the calls of an answer, in their order."""

    results: Sequence[tuple[Part, ...]]


@value(frozen=True, slots=True)
class Delivered:
    """The agent has delivered."""

    output: JsonObject


@dataclass(slots=True)
class _Call:
    """One call, as far as it is.

    Attributes:
        name: The name of its record.
        stand: `ready` to be made, `asks` a person first, or `over`, with what the model is told.
        edited: The arguments that a person has given it in place of the model's.
        child: The number of its child run.
    """

    name: str
    call: ToolCall
    offer: Offer | None = None
    arguments: "JsonObject | None" = None
    edited: "JsonObject | None" = None
    stand: Literal["ready", "asks", "over"] = "over"
    told: tuple[Part, ...] = ()
    child: int = 0


class AgentCalls:
    """Makes the calls of one visit's agent, turn by turn.

    Attributes:
        log: What was called, for the step's output.
    """

    def __init__(  # noqa: PLR0913 - what a call touches, each passed in
        self,
        limits: Limits,
        left: AgentLimits,
        fields: Mapping[str, JsonObject],
        offers: Sequence[Offer],
        questions: Questions,
        step: StepInput,
        effects: Effects,
        recorded: RecordedCalls | None = None,
    ) -> None:
        """Make calls; with `recorded`, answer them by those of another visit instead."""
        self.log: list[Json] = []
        self._recorded = recorded
        self._limits = limits
        self._left = left
        self._fields = fields
        self._offers = {offer.id: offer for offer in offers} | {o.name: o for o in offers}
        self._questions = questions
        self._step = step
        self._effects = effects
        self._children = 0
        self._begun: set[str] = set()

    async def made(
        self, turn: int, wanted: Sequence[ToolCall]
    ) -> Told | Delivered | Pauses | AwaitsChildren:
        """Make the calls of an answer; return what the model is told, or what comes first."""
        calls = [
            self._read(f"turn-{turn}/call-{number}", call) for number, call in enumerate(wanted, 1)
        ]
        delivered, before = self._delivery(calls)
        waits = await self._make([call for call in before if call.stand == "ready"])
        if waits is not None:
            return waits
        asking = [call for call in before if call.stand == "asks"]
        if asking and all(_is_question(call) for call in asking):
            return question(self._step, asking[0].name, asking[0].arguments or {})
        if asking := [call for call in asking if not _is_question(call)]:
            asked = [
                Asked(call.name, call.offer, call.arguments or {}) for call in asking if call.offer
            ]
            return await self._questions.approval(f"turn-{turn}", asked)
        self._left.spent_ms += max((self._spent_ms(call) for call in before), default=0)
        results = [self._result(call) for call in before]
        if delivered is None:
            return Told(results)
        for call in calls[len(before) + 1 :]:
            self.log.append({"tool": _meant(call), "ok": False, "made": False})
        return Delivered(delivered)

    def _read(self, name: str, call: ToolCall) -> _Call:
        """Find out how a call stands, from the records and by what the model wants."""
        found = _Call(name, call)
        found.offer = self._offer(call.name)
        if found.offer and found.offer.kind == "workflow":
            found.child, self._children = self._children, self._children + 1
        if call.arguments is None:
            why = "the arguments are no JSON object; send them again"
            found.told = told_error("InvalidArguments", why)
            return found
        found.arguments = call.arguments
        decision = self._questions.decision(name)
        if decision and decision.edited is not None and decision.edited != call.arguments:
            found.arguments = found.edited = decision.edited
        if (kept := self._effects.recalled(name)) is not None:
            if self._recorded and isinstance(kept, dict):
                self._recorded.used(kept)
            return found
        if found.offer is None:
            if not self._is_delivery(call):
                found.told = told_error("UnknownTool", f"there is no tool {call.name}")
            return found
        return self._decided(found, found.offer, decision)

    def _decided(self, found: _Call, offer: Offer, decision: Decision | None) -> _Call:
        assert found.arguments is not None  # noqa: S101 - `_read` has seen to it
        problems = offer.problems(found.arguments) if not found.edited else []
        if problems and (offer.kind != "tool" or offer.approval is not False):
            # A call that cannot be made is nothing to ask a person about, or to start a run for.
            found.told = told_error("InvalidToolInput", listed(problems))
        elif decision and not decision.approved:
            found.told = told_error("Rejected", decision.refusal)
        elif offer.kind == "person" and self._recorded is None:
            found.stand = "asks"
        elif (
            decision
            or self._recorded
            or not offer.needs_approval(found.arguments, self._step.scope)
        ):
            found.stand = "ready"
        else:
            found.stand = "asks"
        return found

    def _delivery(self, calls: list[_Call]) -> "tuple[JsonObject | None, list[_Call]]":
        """Return what the first good delivery delivers, and the calls before it; else all."""
        for at, call in enumerate(calls):
            if call.arguments is None or not self._is_delivery(call.call):
                continue
            found, problems = fitted(call.arguments, self._fields)
            if not problems:
                return found, calls[:at]
            wanted = json.dumps(schema_of(self._fields), ensure_ascii=False)
            why = f"{listed(problems)}. Call {DELIVER} again with what fits this schema: {wanted}"
            call.told = told_error("InvalidOutput", why, longest=_LONGEST_SCHEMA)
        return None, calls

    def _is_delivery(self, call: ToolCall) -> bool:
        return meant_tool(call.name) == DELIVER and bool(self._fields)

    def _offer(self, name: str) -> Offer | None:
        wanted = meant_tool(name)
        if wanted == DELIVER and self._fields:
            return None
        return self._offers.get(wanted)

    async def _make(self, ready: Sequence[_Call]) -> Pauses | AwaitsChildren | None:
        """Make calls side by side; return what has to come before all of them are made."""
        if self._recorded is not None:
            for call in ready:
                await self._recall(call, self._recorded)
            return None
        stands = [await self._child(call) for call in ready if _is_workflow(call)]
        tools = [call for call in ready if not _is_workflow(call)]
        doubtful = [call for call in tools if self._is_in_doubt(call)]
        await _side_by_side([self._tool(call) for call in tools if call not in doubtful])
        still_open = [stand for stand in stands if stand is not None]
        if still_open:
            wait_for_people = all(stand.pause for stand in still_open)
            pause = still_open[0].pause if wait_for_people else None
            return AwaitsChildren(max(stand.total for stand in still_open), pause)
        if doubtful:
            call = doubtful[0]
            assert call.offer is not None  # noqa: S101 - only these are ready
            doubt = f"{call.name}/doubt-{self._times_begun(call)}"
            return self._questions.doubt(doubt, Asked(call.name, call.offer, call.arguments or {}))
        return None

    async def _recall(self, call: _Call, recorded: RecordedCalls) -> None:
        """Give a call the outcome of one of another visit."""
        offer, arguments = call.offer, call.arguments
        assert offer is not None  # noqa: S101 - only these are ready
        assert arguments is not None  # noqa: S101 - as above
        if self._effects.recalled(call.name) is None:
            outcome = recorded.outcome(offer.id, arguments)
            await self._keep(call.name, {"tool": offer.id, "durationMs": 0, **outcome})

    async def _tool(self, call: _Call) -> None:
        """Call a tool, unless that has been done, or a person has said what came of it."""
        offer, arguments = call.offer, call.arguments
        assert offer is not None  # noqa: S101 - only these are ready
        assert arguments is not None  # noqa: S101 - as above
        settled = self._settled(call)
        if settled is not None and settled["value"] != "again":
            await self._keep(call.name, {"tool": offer.id, "durationMs": 0, **_as_told(settled)})
            return
        if self._asks_in_doubt(call):
            await self._begin(call)

        async def work() -> Json:
            began_ms = self._effects.now_ms()
            kept = await self._attempts(offer, arguments, call.name)
            return {"tool": offer.id, "durationMs": self._effects.now_ms() - began_ms, **kept}

        await self._effects.record(call.name, work)

    async def _attempts(self, offer: Offer, arguments: JsonObject, name: str) -> JsonObject:
        """Call a tool as often as the agent allows; return what its record says of it."""
        limit_ms = offer.timeout_ms or self._limits.callTime
        left_s, attempt = self._left.left_s(), 0
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + left_s
        while True:
            attempt += 1
            more: JsonObject = {"attempts": attempt} if attempt > 1 else {}
            seconds = max(0.0, min(limit_ms / 1_000, ends_s - loop.time()))
            try:
                async with self._effects.within(seconds):
                    value = await self._effects.tool(offer.id, arguments, name)
            except StepBroke as broke:
                error = broke.error
            except TimeoutError:
                told = f"the call took longer than its limit of {seconds:g} s"
                error = StepError("Timeout", told)
            else:
                return {"ok": True, "result": value, **more}
            jitter = crc32(f"{self._step.idempotency_key}:{name}:{attempt}".encode()) / _JITTER
            wait_s = offer.policy.delay_ms(attempt, jitter, error.retry_after_ms) / 1_000
            if not offer.policy.allows(error, attempt) or loop.time() + wait_s >= ends_s:
                return {"ok": False, "error": error_of(error.type, error.message), **more}
            await asyncio.sleep(wait_s)

    async def _child(self, call: _Call) -> ChildrenOpen | None:
        """Start the child run of a call, and keep its end; return how it stands until then."""
        offer, arguments = call.offer, call.arguments
        assert offer is not None  # noqa: S101 - only these are ready
        assert arguments is not None  # noqa: S101 - as above
        run = ChildRun(offer.id, None, arguments)
        stand = await self._effects.children(
            ChildPlan(call.child, 1, lambda _: run, keep_going=True)
        )
        if isinstance(stand, ChildrenOpen):
            return stand
        end = stand.ends[0]
        value: JsonObject = {"tool": offer.id, "runId": end.run_id, "durationMs": 0}
        if end.usage is not None:
            value[CHILD_USAGE] = end.usage
        if end.error:
            value |= {"ok": False, "error": error_of(end.error.type, end.error.message)}
        else:
            value |= {"ok": True, "result": of_workflow({"data": end.data, "result": end.result})}
        await self._keep(call.name, value)
        return None

    async def _keep(self, name: str, value: JsonObject) -> None:
        async def work() -> Json:
            return value

        await self._effects.record(name, work)

    def _asks_in_doubt(self, call: _Call) -> bool:
        is_asked = self._step.on_interrupted is OnInterrupted.ASK
        return is_asked and call.offer is not None and not self._effects.is_pure(call.offer.id)

    def _times_begun(self, call: _Call) -> int:
        times = 0
        while self._effects.recalled(f"{call.name}/begun-{times + 1}") is not None:
            times += 1
        return times

    def _settled(self, call: _Call) -> "JsonObject | None":
        """Return what a person has said of the newest attempt that was in doubt."""
        said = self._effects.recalled(f"{call.name}/doubt-{self._times_begun(call)}")
        return said if isinstance(said, dict) else None

    def _is_in_doubt(self, call: _Call) -> bool:
        """Say whether a call was begun before this execution, and nobody knows what came of it."""
        if not self._asks_in_doubt(call) or call.name in self._begun:
            return False
        return self._times_begun(call) > 0 and self._settled(call) is None

    async def _begin(self, call: _Call) -> None:
        """Keep that a call is about to be made."""
        self._begun.add(call.name)
        await self._keep(f"{call.name}/begun-{self._times_begun(call) + 1}", {"begun": True})

    def _spent_ms(self, call: _Call) -> int:
        kept = self._effects.recalled(call.name)
        spent = kept.get("durationMs") if isinstance(kept, dict) else 0
        return spent if isinstance(spent, int) and not self._questions.is_kept(call.name) else 0

    def _result(self, call: _Call) -> tuple[Part, ...]:
        """Return what the model is told of a call, and note it."""
        kept = self._effects.recalled(call.name)
        noted: JsonObject = {"tool": _meant(call)}
        if not isinstance(kept, dict):
            if call.offer is not None:
                self.log.append({**noted, "ok": False})
            return call.told
        if not self._questions.is_kept(call.name):
            self._left.count_child(kept.get(CHILD_USAGE))
        noted["ok"] = kept["ok"]
        self.log.append(noted if call.edited is None else {**noted, "editedArguments": call.edited})
        told = kept["result"] if kept["ok"] else {"error": kept["error"]}
        if kept["ok"] and "runId" in kept:
            told = of_workflow(told)
        parts = shown(told, self._limits.maxResult)
        if call.edited is None:
            return parts
        return (TextPart(told_edit(call.edited)), *parts)


async def _side_by_side(work: Sequence[Coroutine[None, None, None]]) -> None:
    """Do all of it at once; when one raises, the others are stopped first."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _is_question(call: _Call) -> bool:
    return call.offer is not None and call.offer.kind == "person"


def _is_workflow(call: _Call) -> bool:
    return call.offer is not None and call.offer.kind == "workflow"


def meant_tool(name: str) -> str:
    """Return the name of a tool without what some models put before it."""
    return name.removeprefix(_NAMESPACE)


def _meant(call: _Call) -> str:
    return call.offer.id if call.offer else call.call.name


def _as_told(settled: JsonObject) -> JsonObject:
    """Return the outcome of a call that a person has told."""
    if settled["value"] == "happened":
        return {"ok": True, "result": settled.get("result")}
    told = "whether this call was made is not known; a person said to go on without it"
    return {"ok": False, "error": error_of("InDoubt", told)}
