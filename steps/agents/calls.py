"""The calls of one model answer: those that can run do so concurrently; people decide the rest.

Each call has one outcome, which is kept as a record and sent to the model.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from functools import partial
from zlib import crc32

from engine import AwaitsChildren, Json, JsonObject, OnInterrupted, Pauses, StepError
from engine.value import value
from steps.agents.call import AgentCall, as_reported, meant_tool
from steps.agents.call_messages import edit_message, error_message, error_of, of_workflow
from steps.agents.handoff import handed_over, handoff_in
from steps.agents.limits import AgentLimits
from steps.agents.person import question
from steps.agents.questions import Asked, Decision, Questions
from steps.agents.recorded import RecordedCalls
from steps.agents.tools import DELIVER, Offer
from steps.contract.records import CHILD_USAGE, keep
from steps.contract.step_type import StepBroke, StepInput, listed
from steps.effects.chat import Part, TextPart, ToolCall
from steps.effects.child_runs import ChildPlan, ChildrenOpen, ChildRun
from steps.effects.effects import Effects
from steps.models.answer_files import kept_result, pictures_of
from steps.models.output import fitted, schema_of
from steps.models.spending import LimitReached
from steps.tools.asks import ToolAsks, open_pause, pause_for
from steps.tools.result import shown

_JITTER = 2**32
_LONGEST_SCHEMA = 20_000


@value(frozen=True, slots=True)
class CallResults:
    """The outcomes of an answer's calls, in order, as they are sent to the model.

    Attributes:
        handoff: The agent that takes over, as the record of the call keeps it.
    """

    results: Sequence[tuple[Part, ...]]
    handoff: Json = None


@value(frozen=True, slots=True)
class Delivered:
    """The agent has delivered its result."""

    output: JsonObject


class AgentCalls:
    """Makes the calls of one visit's agent, turn by turn.

    Attributes:
        log: The calls that were made, for the step's output.
        children: How many child runs the visit has requested so far.
    """

    def __init__(  # noqa: PLR0913 - what a call touches, each passed in
        self,
        limits: AgentLimits,
        fields: Mapping[str, JsonObject],
        offers: Sequence[Offer],
        questions: Questions,
        step: StepInput,
        effects: Effects,
        recorded: RecordedCalls | None = None,
    ) -> None:
        """Make the calls; with `recorded`, take the outcomes of another visit's calls instead."""
        self.log: list[Json] = []
        self._recorded = recorded
        self._limits = limits
        self._fields = fields
        self.offer(offers)
        self._questions = questions
        self._step = step
        self._effects = effects
        self.children = 0
        self._begun: set[str] = set()

    def offer(self, offers: Sequence[Offer]) -> None:
        """Offer these tools from now on, after a hand-over to another agent."""
        self._offers = {offer.id: offer for offer in offers} | {o.name: o for o in offers}

    async def made(
        self, turn: int, wanted: Sequence[ToolCall]
    ) -> CallResults | Delivered | Pauses | AwaitsChildren:
        """Make the calls of an answer; return their outcomes, or what must happen first."""
        calls = [
            self._read(f"turn-{turn}/call-{number}", call) for number, call in enumerate(wanted, 1)
        ]
        delivered, before = self._delivery(calls)
        handoff = handoff_in(before)
        waits = await self._make([call for call in before if call.stand == "ready"])
        if waits is not None:
            return waits
        asking = [call for call in before if call.stand == "asks"]
        if asking and all(call.is_question for call in asking):
            return question(self._step, asking[0].name, asking[0].arguments or {})
        if asking := [call for call in asking if not call.is_question]:
            asked = [
                Asked(call.name, call.offer, call.arguments or {}) for call in asking if call.offer
            ]
            return await self._questions.approval(f"turn-{turn}", asked)
        to = None if handoff is None or delivered else await self._hand_over(handoff)
        self._limits.spent_ms += max((self._spent_ms(call) for call in before), default=0)
        results = [await self._result(call) for call in before]
        if delivered is None:
            return CallResults(results, to)
        for call in calls[len(before) + 1 :]:
            self.log.append({"tool": call.meant, "ok": False, "made": False})
        return Delivered(delivered)

    def _read(self, name: str, call: ToolCall) -> AgentCall:
        """Find the state of a call from the records and from the model's request."""
        found = AgentCall(name, call)
        found.offer = self._offer(call.name)
        if found.offer and found.offer.kind == "workflow":
            found.child, self.children = self.children, self.children + 1
        if call.arguments is None:
            why = "the arguments are not a JSON object; send them again"
            found.message = error_message("InvalidArguments", why)
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
                found.message = error_message("UnknownTool", f"there is no tool {call.name}")
            return found
        return self._decided(found, found.offer, decision)

    def _decided(self, found: AgentCall, offer: Offer, decision: Decision | None) -> AgentCall:
        assert found.arguments is not None  # noqa: S101 - `_read` has seen to it
        problems = offer.problems(found.arguments) if not found.edited else []
        if problems and (offer.kind != "tool" or offer.approval is not False):
            # A call that cannot be made must not ask a person or start a run.
            found.message = error_message("InvalidToolInput", listed(problems))
        elif decision and not decision.approved:
            found.message = error_message("Rejected", decision.refusal)
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

    def _delivery(self, calls: list[AgentCall]) -> "tuple[JsonObject | None, list[AgentCall]]":
        """Return the first valid delivery and the calls before it, or None and all calls."""
        for at, call in enumerate(calls):
            if call.arguments is None or not self._is_delivery(call.call):
                continue
            found, problems = fitted(call.arguments, self._fields)
            if not problems:
                return found, calls[:at]
            wanted = json.dumps(schema_of(self._fields), ensure_ascii=False)
            why = f"{listed(problems)}. Call {DELIVER} again with what fits this schema: {wanted}"
            call.message = error_message("InvalidOutput", why, longest=_LONGEST_SCHEMA)
        return None, calls

    def _is_delivery(self, call: ToolCall) -> bool:
        return meant_tool(call.name).lower() == DELIVER and bool(self._fields)

    def _offer(self, name: str) -> Offer | None:
        wanted = meant_tool(name)
        if wanted.lower() == DELIVER and self._fields:
            return None
        in_another_case = (name for name in self._offers if name.lower() == wanted.lower())
        exact = self._offers.get(name) or self._offers.get(wanted)
        return exact or self._offers.get(next(in_another_case, ""))

    async def _hand_over(self, call: AgentCall) -> Json:
        """Hand the work over; return the record that names the next agent. Raises `StepBroke`."""
        assert call.offer is not None  # noqa: S101 - by `handoff_in`
        kept = await self._effects.record(
            call.name, partial(handed_over, call.offer, self._effects)
        )
        return kept.get("handoff") if isinstance(kept, dict) else None

    async def _make(self, ready: Sequence[AgentCall]) -> Pauses | AwaitsChildren | None:
        """Make calls concurrently; return what must happen before all of them are made."""
        if self._recorded is not None:
            for call in ready:
                await self._recall(call, self._recorded)
            return None
        stands = [await self._child(call) for call in ready if call.is_workflow]
        tools = [call for call in ready if not call.is_workflow]
        doubtful = [call for call in tools if self._is_in_doubt(call)]
        asks = await _side_by_side([self._tool(call) for call in tools if call not in doubtful])
        if asks is not None:
            return asks
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

    async def _recall(self, call: AgentCall, recorded: RecordedCalls) -> None:
        """Give a call the outcome of a matching call in another visit."""
        offer, arguments = call.offer, call.arguments
        assert offer is not None  # noqa: S101 - only these are ready
        assert arguments is not None  # noqa: S101 - as above
        if self._effects.recalled(call.name) is None:
            outcome = recorded.outcome(offer.id, arguments)
            await keep(self._effects, call.name, {"tool": offer.id, "durationMs": 0, **outcome})

    async def _tool(self, call: AgentCall) -> LimitReached | Pauses | None:
        """Call a tool, unless it was called already or a person has reported the outcome.

        Return what an unfinished call waits for: a person whom the tool asks, or room within a
        limit that a model called by the tool has reached.
        """
        offer, arguments = call.offer, call.arguments
        assert offer is not None  # noqa: S101 - only these are ready
        assert arguments is not None  # noqa: S101 - as above
        settled = self._settled(call)
        if settled is not None and settled["value"] != "again":
            reported: JsonObject = {"tool": offer.id, "durationMs": 0, **as_reported(settled)}
            await keep(self._effects, call.name, reported)
            return None
        if (asked := open_pause(self._step, self._effects, f"{call.name}/")) is not None:
            await self._note_back(call)
            return asked
        if self._asks_in_doubt(call):
            await self._begin(call)

        async def work() -> Json:
            began_ms = self._effects.now_ms()
            kept = await self._attempts(offer, arguments, call.name)
            return {"tool": offer.id, "durationMs": self._effects.now_ms() - began_ms, **kept}

        try:
            await self._effects.record(call.name, work)
        except LimitReached as reached:
            await self._note_back(call)
            return reached
        except ToolAsks as asks:
            asked = await pause_for(self._step, self._effects, asks, f"{call.name}/")
            await self._note_back(call)
            return asked
        return None

    async def _note_back(self, call: AgentCall) -> None:
        """Record that a call has returned, so that its outcome is not in doubt."""
        if self._asks_in_doubt(call):
            await keep(
                self._effects, f"{call.name}/doubt-{self._times_begun(call)}", {"value": "again"}
            )

    async def _attempts(self, offer: Offer, arguments: JsonObject, name: str) -> JsonObject:
        """Call a tool as often as the agent allows; return the outcome for its record."""
        limit_ms = offer.timeout_ms or self._limits.settings.callTime
        left_s, attempt = self._limits.left_s(), 0
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + left_s
        while True:
            attempt += 1
            more: JsonObject = {"attempts": attempt} if attempt > 1 else {}
            seconds = max(0.0, min(limit_ms / 1_000, ends_s - loop.time()))
            try:
                async with self._effects.within(seconds):
                    value = await self._effects.tool(offer.id, arguments, name)
                    value = await kept_result(value, name, self._effects)
            except (LimitReached, ToolAsks):
                raise
            except StepBroke as broke:
                error = broke.error
            except TimeoutError:
                message = f"the call took longer than its limit of {seconds:g} s"
                error = StepError("Timeout", message)
            else:
                return {"ok": True, "result": value, **more}
            jitter = crc32(f"{self._step.idempotency_key}:{name}:{attempt}".encode()) / _JITTER
            wait_s = offer.policy.delay_ms(attempt, jitter, error.retry_after_ms) / 1_000
            if not offer.policy.allows(error, attempt) or loop.time() + wait_s >= ends_s:
                return {"ok": False, "error": error_of(error.type, error.message), **more}
            await asyncio.sleep(wait_s)

    async def _child(self, call: AgentCall) -> ChildrenOpen | None:
        """Start the child run of a call and record how it ends; until then return its state."""
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
        await keep(self._effects, call.name, value)
        return None

    def _asks_in_doubt(self, call: AgentCall) -> bool:
        is_asked = self._step.on_interrupted is OnInterrupted.ASK
        return is_asked and call.offer is not None and not self._effects.is_pure(call.offer.id)

    def _times_begun(self, call: AgentCall) -> int:
        times = 0
        while self._effects.recalled(f"{call.name}/begun-{times + 1}") is not None:
            times += 1
        return times

    def _settled(self, call: AgentCall) -> "JsonObject | None":
        """Return what a person said about the newest attempt whose outcome was in doubt."""
        said = self._effects.recalled(f"{call.name}/doubt-{self._times_begun(call)}")
        return said if isinstance(said, dict) else None

    def _is_in_doubt(self, call: AgentCall) -> bool:
        """Return whether a call began before this execution and its outcome is unknown."""
        if not self._asks_in_doubt(call) or call.name in self._begun:
            return False
        if open_pause(self._step, self._effects, f"{call.name}/") is not None:
            return False  # the call returned with a question
        return self._times_begun(call) > 0 and self._settled(call) is None

    async def _begin(self, call: AgentCall) -> None:
        """Record that a call is about to be made."""
        self._begun.add(call.name)
        await keep(
            self._effects, f"{call.name}/begun-{self._times_begun(call) + 1}", {"begun": True}
        )

    def _spent_ms(self, call: AgentCall) -> int:
        kept = self._effects.recalled(call.name)
        spent = kept.get("durationMs") if isinstance(kept, dict) else 0
        return spent if isinstance(spent, int) and not self._questions.is_kept(call.name) else 0

    async def _result(self, call: AgentCall) -> tuple[Part, ...]:
        """Return the outcome of a call as the model receives it, and log it."""
        kept = self._effects.recalled(call.name)
        noted: JsonObject = {"tool": call.meant}
        if not isinstance(kept, dict):
            if call.offer is not None:
                self.log.append({**noted, "ok": False})
            return call.message
        if not self._questions.is_kept(call.name):
            self._limits.count_child(kept.get(CHILD_USAGE))
        noted["ok"] = kept["ok"]
        self.log.append(noted if call.edited is None else {**noted, "editedArguments": call.edited})
        result = kept["result"] if kept["ok"] else {"error": kept["error"]}
        if kept["ok"] and "runId" in kept:
            result = of_workflow(result)
        parts = shown(
            result, self._limits.settings.maxResult, await pictures_of(result, self._effects)
        )
        if call.edited is None:
            return parts
        return (TextPart(edit_message(call.edited)), *parts)


async def _side_by_side(
    work: Sequence[Coroutine[None, None, LimitReached | Pauses | None]],
) -> Pauses | None:
    """Run all of it concurrently; return the first pause. If one raises, stop the others.

    If one reaches a limit, raise `LimitReached` after all have ended.
    """
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        stands = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    for stand in stands:
        if isinstance(stand, LimitReached):
            raise stand
    return next((stand for stand in stands if isinstance(stand, Pauses)), None)
