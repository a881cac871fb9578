"""Runs the guards of one visit of an agent: conditions, and workflows run as child runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from engine import AwaitsChildren, Json, JsonObject, scope_with
from steps.agents.guard import GUARDED, Guard, Guards
from steps.contract.records import CHILD_USAGE, keep
from steps.contract.step_type import Done, Outcome, StepBroke, StepInput
from steps.document.outputs import NO_RESULT
from steps.effects.chat import Usage, usage_from_json
from steps.effects.child_runs import ChildEnd, ChildPlan, ChildrenOpen, ChildRun
from steps.effects.effects import Effects
from steps.language.condition import compiled_condition

_LONGEST = 2_000


class VisitGuards:
    """Checks the message to an agent and its delivery.

    Attributes:
        children: How many child runs the guards before the work have started.
        used: The model usage of the workflows in the last check.
    """

    def __init__(  # noqa: PLR0913 - what a guard looks at, each passed in
        self,
        agent: str,
        guards: Guards | None,
        given: JsonObject,
        step: StepInput,
        effects: Effects,
        recorded: Mapping[str, Json] | None,
    ) -> None:
        """Check `given`; with records of another visit, use what the workflows answered there."""
        self.used = Usage()
        self._guards = guards or Guards.model_validate({})
        self._agent = agent
        self._given = given
        self._step = step
        self._effects = effects
        self._recorded = recorded
        self.children = sum(guard.workflow is not None for guard in self._guards.before)

    async def before(self) -> Outcome | None:
        """Check the message; return what must happen first. Raises `StepBroke` on a refusal."""
        return await self._checked("before", self._guards.before, 0, self._given)

    async def after(self, outcome: Outcome, children: int) -> Outcome:
        """Check the delivery; return it, or what must happen first.

        The visit has already requested `children` child runs. Raises `StepBroke` on a refusal.
        """
        if not isinstance(outcome, Done):
            return outcome
        given = {**self._given, "output": outcome.output}
        waits = await self._checked("after", self._guards.after, children, given)
        if waits is not None or not self.used.total:
            return waits or outcome
        return _with_usage(outcome, self.used)

    async def _checked(
        self, when: str, guards: Sequence[Guard], first: int, given: JsonObject
    ) -> AwaitsChildren | None:
        self.used = Usage()
        number, waits = first, list[ChildrenOpen]()
        for at, guard in enumerate(guards, 1):
            if guard.condition is not None:
                expression = compiled_condition(guard.condition, GUARDED)
                if not expression.evaluate(scope_with(self._step.scope, given)):
                    raise self._refused(when, at, guard, None)
                continue
            stand = await self._asked(f"guard/{when}-{at}", guard, number, given)
            number += 1
            if isinstance(stand, ChildrenOpen):
                waits.append(stand)
            elif stand is not None and stand.get("allowed") is not True:
                raise self._refused(when, at, guard, stand)
        if not waits:
            return None
        pause = waits[0].pause if all(stand.pause for stand in waits) else None
        return AwaitsChildren(max(stand.total for stand in waits), pause)

    async def _asked(
        self, name: str, guard: Guard, number: int, given: JsonObject
    ) -> "JsonObject | ChildrenOpen | None":
        """Return a workflow's answer; None if a recorded visit does not have it."""
        kept = self._effects.recalled(name)
        if kept is None and self._recorded is not None:
            kept = self._recorded.get(name)
        elif kept is None:
            child = ChildRun(str(guard.workflow), None, given)
            plan = ChildPlan(number, 1, lambda _: child, keep_going=True)
            stand = await self._effects.children(plan)
            if isinstance(stand, ChildrenOpen):
                return stand
            kept = await self._kept(name, guard, stand.ends[0])
        if isinstance(kept, dict) and self._recorded is None:
            self.used += usage_from_json(kept.get(CHILD_USAGE))
        return kept if isinstance(kept, dict) else None

    async def _kept(self, name: str, guard: Guard, end: ChildEnd) -> Json:
        if end.error is not None:
            message = f"workflow {guard.workflow}, a guard of agent {self._agent}, failed: "
            raise StepBroke("GuardFailed", f"{message}{end.error.message}"[:_LONGEST])
        said = end.data if end.result in (None, NO_RESULT) else end.result
        verdict = said if isinstance(said, dict) else {}
        reason = verdict.get("reason")
        value: JsonObject = {
            "workflow": guard.workflow,
            "runId": end.run_id,
            "allowed": verdict.get("allowed") is True,
        }
        if isinstance(reason, str) and reason:
            value["reason"] = reason[:_LONGEST]
        if end.usage is not None:
            value[CHILD_USAGE] = end.usage
        return await keep(self._effects, name, value)

    def _refused(self, when: str, at: int, guard: Guard, said: "JsonObject | None") -> StepBroke:
        what = "does not take this message" if when == "before" else "may not deliver this"
        which = guard.workflow or f"guards.{when}[{at - 1}]"
        why = guard.message or (said or {}).get("reason") or f"{which} refuses it"
        return StepBroke("GuardRefused", f"agent {self._agent} {what}: {why}", retryable=False)


def _with_usage(done: Done, used: Usage) -> Done:
    """Return a delivery whose usage includes what the guards asked of models."""
    response = done.got["response"]
    assert isinstance(response, dict)  # noqa: S101 - made by `AgentWork`
    usage = usage_from_json(response["usage"]) + used
    return replace(done, got={**done.got, "response": {**response, "usage": usage.to_json()}})
