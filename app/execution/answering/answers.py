"""A person's answer to a pause, checked against what the run waits for."""

from app.auth.caller import Caller
from app.auth.roles import Role
from app.execution.answering.entitlement import CLOCK, must_be_allowed
from app.execution.answering.interruption import FAIL, RUN_AGAIN
from app.execution.attempts.attempt import step_input
from app.execution.live.live_run import LiveRun
from app.telemetry.at_work import at_work
from engine import (
    SIGNAL_PAUSE,
    Answered,
    AnswerKept,
    AnswerKey,
    AnswerKeyReused,
    ChangePause,
    Execute,
    Input,
    InterruptionSettled,
    Json,
    JsonObject,
    NotPaused,
    Pause,
    Run,
    Visit,
    iso_time,
    seen_of,
)
from steps.contract.keeps_asking import KeepsAsking
from steps.contract.step_type import Done, GoesOn, InvalidAnswer, Problem, StepBroke
from steps.document.outputs import deliver


def was_given(run: Run, key: AnswerKey) -> bool:
    """Return whether the same answer, or repair, has been made under this key.

    Raises `AnswerKeyReused`.
    """
    used_for = run.answers.get(key.key)
    if used_for not in (None, key.fingerprint):
        raise AnswerKeyReused(
            "this Idempotency-Key was used for another answer to this run, or another repair of "
            "it; use a new key for a new one"
        )
    return used_for is not None


def asked_child(run: Run, answer: JsonObject) -> str | None:
    """Return the child run whose pause a paused run shows; None if the run itself asks.

    Raises `NotPaused` if the answer is meant for another pause than the one shown.
    """
    pause, _ = _paused(run, answer)
    shown = pause.shown(run.id, run.pause_seq)
    if answer.get("pauseId") not in (None, shown["pauseId"]):
        raise NotPaused(
            f"run {run.id} no longer waits in pause {answer['pauseId']}, "
            f"but in {shown['pauseId']}: look at what it asks now"
        )
    meant = answer.get("runId")
    if meant not in (None, run.id, shown.get("runId")):
        raise NotPaused(f"run {run.id} does not wait for run {meant}; resume that one")
    return pause.run_id


def _paused(run: Run, answer: JsonObject) -> tuple[Pause, Visit]:
    """Return what a run asks, and in which visit. Raises `NotPaused` if it asks nothing."""
    if run.pause is None or run.current is None:
        raise NotPaused(_nothing_to_resume(run, answer.get("pauseId")))
    return run.pause, run.current


def _nothing_to_resume(run: Run, pause_id: Json) -> str:
    message = f"run {run.id} is {run.status}, so there is nothing to resume"
    if pause_id is not None:
        return f"{message}: it no longer waits in pause {pause_id}"
    if run.is_over:
        return message
    return (
        f"{message} yet; if answers may come before the pause, use a wait-for-signal step and send "
        "them to POST /api/signals, which keeps them"
    )


def for_child(run: Run, answer: JsonObject) -> JsonObject:
    """Return an answer as it is passed on to the child run whose pause this run shows.

    It names that pause, so that it is not taken as the answer to the child's next one.
    """
    inner = {name: item for name, item in answer.items() if name != "runId"}
    if run.pause and "pauseId" in run.pause.body:
        inner["pauseId"] = run.pause.body["pauseId"]
    return inner


def accept(live: LiveRun, answer: JsonObject, caller: Caller, now_ms: int, key: AnswerKey) -> Input:
    """Return the engine input that the answer makes.

    Raises:
        NotPaused: The run waits for no answer, or for a different one.
        NotYours: The caller may not answer it.
        InvalidAnswer: The answer does not fit the pause; each problem names its field.
    """
    pause, visit = _pause(live.run, answer)
    must_be_allowed(pause.body, caller)
    seen = str(answer.get("seen") or "")
    if seen and seen != seen_of(live.run):
        raise NotPaused(f"run {live.run.id} asks something else by now: look at what it asks")
    answer = {name: item for name, item in answer.items() if name != "seen"}
    if pause.interruption:
        return _settle(pause, answer, caller, key)
    step = live.usable.steps[visit.step_id]
    given = step_input(live.run, step, Execute(visit.step_id, visit.visit, visit.attempt))
    signed: JsonObject = {**answer, "answeredBy": caller.name, "answeredAt": iso_time(now_ms)}
    with at_work(live.run.id, visit.step_id):
        output = step.type.accept(step.settings, given, pause.body, signed)
    if isinstance(output, GoesOn):
        return AnswerKept(answer, output.name, output.value, caller.name, key, seen)
    if isinstance(output, KeepsAsking):
        return ChangePause(
            "answered", output.body, caller.name, answer=answer, key=key, seen=seen,
            wake_at_ms=live.run.wake_at_ms,
        )  # fmt: skip
    try:
        whole, data = deliver(step, Done(output), given.scope)
    except StepBroke as broke:
        raise InvalidAnswer([Problem("data", broke.error.message)]) from broke
    return Answered(answer, whole, data, caller.name, key, seen)


def unanswered(live: LiveRun, now_ms: int) -> Input | None:
    """Return what a step makes of a missed deadline; None if the run takes an edge instead."""
    run, visit = live.run, live.run.current
    is_late = run.answer_by_ms is not None and run.answer_by_ms <= now_ms
    if run.pause is None or visit is None or run.pause.run_id or not is_late:
        return None
    step = live.usable.steps[visit.step_id]
    follows = run.pause.body.get("onDeadline")
    if isinstance(follows, dict):
        answer: JsonObject = {
            "type": run.pause.type,
            "actionId": run.pause.body.get("actionId"),
            "actionValue": follows["actionValue"],
        }
        clock = Caller(live.tenant, Role.OPERATOR, CLOCK)
        return accept(live, answer, clock, now_ms, AnswerKey())
    goes_on = step.type.unanswered(step.settings, run.pause.body)
    if goes_on is None:
        return None
    return AnswerKept({"type": run.pause.type}, goes_on.name, goes_on.value, "deadline")


def _pause(run: Run, answer: JsonObject) -> tuple[Pause, Visit]:
    pause, visit = _paused(run, answer)
    wanted, step_id = pause.type, visit.step_id
    if wanted == SIGNAL_PAUSE != answer["type"]:
        name, key = pause.body["name"], pause.body["key"]
        raise NotPaused(
            f"run {run.id} waits for signal {name} with key {key!r}: send it to POST /api/signals"
        )
    if answer["type"] != wanted:
        raise NotPaused(f"run {run.id} waits for type {wanted}, not {answer['type']}")
    if answer.get("stepId") not in (None, step_id):
        raise NotPaused(f"run {run.id} waits in step {step_id}, not {answer['stepId']}")
    return pause, visit


def _settle(pause: Pause, answer: JsonObject, caller: Caller, key: AnswerKey) -> Input:
    """Apply a person's decision about an interrupted step."""
    problems = []
    if answer.get("actionId") != pause.body["actionId"]:
        problems.append(Problem("actionId", f"must be {pause.body['actionId']}"))
    value = answer.get("actionValue")
    if value not in (RUN_AGAIN, FAIL):
        problems.append(Problem("actionValue", f"must be {RUN_AGAIN} or {FAIL}"))
    if problems:
        raise InvalidAnswer(problems)
    return InterruptionSettled(answer, value == RUN_AGAIN, caller.name, key)
