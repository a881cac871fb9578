"""Steps that act, fail, sleep, ask, record, hang and call children, chosen at random."""

import asyncio
from random import Random
from typing import Literal

from engine import AwaitsChildren, Json, JsonObject, Pause, Pauses, Sleeps
from steps.call_workflow import CallWorkflow
from steps.collect_inputs import CollectInputs
from steps.contract.step_type import (
    Done,
    GoesOn,
    InvalidAnswer,
    Outcome,
    Problem,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
)
from steps.effects.child_runs import ChildPlan, ChildrenOpen, ChildRun
from steps.effects.effects import Effects
from steps.effects.http_messages import HttpRequest
from steps.end_flow import EndFlow
from steps.group import Group
from steps.parallel import Parallel
from steps.registry import Registry
from steps.request_user_action import RequestUserAction
from steps.send_signal import SendSignal
from steps.set_values import SetValues
from steps.wait import Wait
from steps.wait_for_signal import WaitForSignal
from tests.simulation.observer import Observer


class Chance:
    """The source of randomness for steps, and the observer they report to; set for each seed."""

    random = Random(0)
    observer: Observer


class Boom(Exception):
    """A bug in a step type."""


Part = Literal[
    "act", "sleep", "record", "maybe-fail", "fail", "boom", "hang", "stubborn", "ask", "ask-late",
    "time", "any", "cancel-itself", "act-late",
]  # fmt: skip


class PlaySettings(StepSettings):
    """The actions of the step, in order."""

    does: list[Part]


def _ask(step: StepInput, deadline_ms: int | None = None) -> Pauses:
    body: JsonObject = {
        "stepId": step.step_id,
        "actionId": step.step_id,
        "actions": [{"value": "approved", "label": "approved"}],
    }
    return Pauses(Pause("request_user_action", body), deadline_ms)


class Play(StepType[PlaySettings]):
    """Performs its actions."""

    type = "play"
    settings = PlaySettings

    async def execute(self, settings: PlaySettings, step: StepInput, effects: Effects) -> Outcome:
        for number, written in enumerate(settings.does):
            part: str = written
            if part == "any":
                part = Chance.random.choice(
                    ("act", "sleep", "record", "fail", "ask", "time", "act", "act")
                )
            await _works(part, f"r{number}", step, effects)
            _breaks(part)
            if waits := _waits(part, step, effects):
                return waits
        data = step.scope["data"]
        index = data.get("index") if isinstance(data, dict) else None
        return Done({"visit": step.visit, "index": index})

    def accept(
        self, settings: PlaySettings, step: StepInput, pause: JsonObject, answer: JsonObject
    ) -> Json:
        if answer.get("actionValue") != "approved":
            raise InvalidAnswer([Problem("actionValue", "must be approved")])
        data = step.scope["data"]
        index = data.get("index") if isinstance(data, dict) else None
        return {"visit": step.visit, "index": index}


async def _works(part: str, name: str, step: StepInput, effects: Effects) -> None:
    match part:
        case "act":
            await _act(step, effects, "act")
        case "act-late":
            await asyncio.sleep(7)
            await _act(step, effects, "act-late")
        case "sleep":
            await asyncio.sleep(Chance.random.choice((0, 0.001, 0.05, 0.7)))
        case "record":
            await _record(step, effects, name)
        case "hang":
            await asyncio.Event().wait()
        case "stubborn":
            await _stubborn()
        case _:
            pass


def _breaks(part: str) -> None:
    random = Chance.random
    match part:
        case "fail":
            raise StepBroke("Failed", "chance", retryable=random.random() < 0.7)
        case "maybe-fail" if random.random() < 0.4:
            raise StepBroke("Failed", "chance")
        case "boom" if random.random() < 0.5:
            raise Boom
        case "cancel-itself" if random.random() < 0.5:
            raise asyncio.CancelledError
        case _:
            pass


def _waits(part: str, step: StepInput, effects: Effects) -> Outcome | None:
    match part:
        case "ask":
            return _ask(step)
        case "ask-late":
            return _ask(step, effects.now_ms() + 700)
        case "time":
            return Sleeps(effects.now_ms() + Chance.random.choice((-50, 0, 1, 300, 2_000)))
        case _:
            return None


class AskFirst(StepType[StepSettings]):
    """Keeps a person's answer as a record, then acts."""

    type = "ask-first"
    settings = StepSettings

    async def execute(self, settings: StepSettings, step: StepInput, effects: Effects) -> Outcome:
        answer = effects.recalled("answer")
        if answer is None:
            return _ask(step)
        Chance.observer.recalls(step.run_id, step.step_id, step.visit, "answer", answer)
        await _act(step, effects, "act")
        return Done({"answer": answer})

    def accept(
        self, settings: StepSettings, step: StepInput, pause: JsonObject, answer: JsonObject
    ) -> GoesOn:
        return GoesOn("answer", answer["comment"])


class Families(StepType[StepSettings]):
    """Starts one child after another and records how each ended, as an agent does."""

    type = "families"
    settings = StepSettings
    resumable = True

    async def execute(self, settings: StepSettings, step: StepInput, effects: Effects) -> Outcome:
        for number in range(2):
            if effects.recalled(f"child-{number}") is None:
                plan = ChildPlan(
                    number, 1, lambda item: ChildRun("any", None, {"index": item}), keep_going=True
                )
                stand = await effects.children(plan)
                if isinstance(stand, ChildrenOpen):
                    return AwaitsChildren(stand.total, stand.pause)
                ended = stand.ends[0].run_id

                async def work(run_id: str = ended) -> Json:
                    return run_id

                await effects.record(f"child-{number}", work)
            await _record(step, effects, f"after-{number}")
            if Chance.random.random() < 0.2:
                await asyncio.sleep(7)
                await _act(step, effects, "act-late")
        return Done({"visit": step.visit, "index": None})


async def _act(step: StepInput, effects: Effects, what: str) -> int:
    where = f"{step.run_id}/{step.step_id}/{step.visit}/{step.attempt}/{what}"
    headers = {"idempotency-key": step.idempotency_key}
    answer = await effects.http(HttpRequest("POST", where, headers))
    return int(answer.content)


async def _record(step: StepInput, effects: Effects, name: str) -> None:
    async def work() -> Json:
        Chance.observer.works(step.run_id, step.step_id, step.visit, name)
        return await _act(step, effects, name)

    value = await effects.record(name, work)
    Chance.observer.recalls(step.run_id, step.step_id, step.visit, name, value)


async def _stubborn() -> None:
    """Hang, and do not stop at the first cancellation."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.3)
        raise


def registry() -> Registry:
    return Registry(
        [
            Play(), AskFirst(), Families(), CallWorkflow(), Parallel(), Group(), CollectInputs(), RequestUserAction(), SetValues(), Wait(), WaitForSignal(), SendSignal(), EndFlow(),
        ]
    )  # fmt: skip
