"""Repairs of a single run: retry now, give up, skip, change data, hold and release."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app.auth.roles import Role
from app.execution.answering.repairs import Checked, Meant, change_data, of_step, skip
from app.web.api.executions import controlled
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from app.wire.parsing.idempotency import idempotency_key
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import M, checked
from engine import AnswerKey, GiveUp, HoldRun, ReleaseRun, TryNow


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    runId: str = Field(max_length=64)  # noqa: N815
    reason: str | None = Field(
        None, max_length=2_000, description="the reason, recorded in the history"
    )


class HoldBody(_Body):
    """Which run to hold or release."""


class StepBody(_Body):
    """Which run and which of its steps."""

    stepId: str | None = Field(  # noqa: N815
        None, max_length=200, description="only while the run is in this step"
    )
    visit: int | None = Field(
        None, ge=1, strict=True, description="only while it is in this visit of the step"
    )


class SkipBody(_Body):
    """Which step to skip, and with which output."""

    stepId: str = Field(max_length=200, description="the step that the run waits in")  # noqa: N815
    visit: int | None = Field(None, ge=1, strict=True, description="only in this visit of it")
    output: Any = Field(description="the output that the step would have returned")


class ChangeDataBody(_Body):
    """Changes to the data of a run."""

    data: dict[str, Any] = Field({}, description="fields that are added or replaced")
    remove: list[str] = Field([], max_length=500, description="names of fields that are removed")


async def try_now(call: Call) -> Response:
    """Make the next attempt of a step now, or end its sleep."""
    body = await _body(call, StepBody)
    command = TryNow(body.reason, call.caller.name)
    return await _repaired(call, body, of_step(_meant(body), command), "the step no longer waits")


async def give_up(call: Call) -> Response:
    """Fail a step that waits for its next attempt, or sleeps."""
    body = await _body(call, StepBody)
    command = GiveUp(body.reason, call.caller.name)
    return await _repaired(call, body, of_step(_meant(body), command), "the step has failed")


async def skip_step(call: Call) -> Response:
    """Set the output of a waiting step instead of running it."""
    body = await _body(call, SkipBody)
    meant = Meant(body.stepId, body.visit)
    repair = skip(meant, body.output, body.reason, call.caller.name)
    return await _repaired(call, body, repair, "the step was skipped")


async def change_run_data(call: Call) -> Response:
    """Change the data of a run that waits or is held."""
    body = await _body(call, ChangeDataBody)
    repair = change_data(body.data, body.remove, body.reason, call.caller.name)
    return await _repaired(call, body, repair, "the data was changed")


async def hold_run(call: Call) -> Response:
    """Prevent all steps and attempts of a run from starting until it is released."""
    body = await _body(call, HoldBody)
    command = HoldRun(body.reason, call.caller.name)
    return await _repaired(call, body, of_step(Meant(), command), "the run is held")


async def release_run(call: Call) -> Response:
    """Let a held run continue."""
    body = await _body(call, HoldBody)
    command = ReleaseRun(body.reason, call.caller.name)
    return await _repaired(call, body, of_step(Meant(), command), "the run continues")


async def _body(call: Call, model: type[M]) -> M:
    return checked(model, await json_body(call.request, call.services.settings))


def _meant(body: StepBody) -> Meant:
    return Meant(body.stepId, body.visit)


async def _repaired(call: Call, body: _Body, repair: Checked, message: str) -> JsonAnswer:
    key, verb = idempotency_key(call.request), call.request.url.path.rpartition("/")[2]
    used = AnswerKey(key, _fingerprint(verb, body)) if key else AnswerKey()
    run = await call.services.repairs.repair(call.tenant, body.runId, repair, used)
    return controlled(run, message)


def _fingerprint(verb: str, body: _Body) -> str:
    return hashlib.sha256(f"{verb} {body.model_dump_json()}".encode()).hexdigest()


_KEYED = ("Idempotency-Key",)


ENDPOINTS = (
    Endpoint(
        "POST", "/api/workflow/management/try-now", Role.OPERATOR, try_now,
        "Make the next attempt now, or end a sleep", StepBody, headers=_KEYED,
    ),
    Endpoint(
        "POST", "/api/workflow/management/give-up", Role.OPERATOR, give_up,
        "Fail a step that waits for its next attempt", StepBody, headers=_KEYED,
    ),
    Endpoint(
        "POST", "/api/workflow/management/skip", Role.OPERATOR, skip_step,
        "Set the output of a step instead of running it", SkipBody, headers=_KEYED,
    ),
    Endpoint(
        "POST", "/api/workflow/management/change-data", Role.OPERATOR, change_run_data,
        "Change the data of a run that waits or is held", ChangeDataBody, headers=_KEYED,
    ),
    Endpoint(
        "POST", "/api/workflow/management/hold", Role.OPERATOR, hold_run,
        "Hold a run", HoldBody, headers=_KEYED,
    ),
    Endpoint(
        "POST", "/api/workflow/management/release", Role.OPERATOR, release_run,
        "Let a held run continue", HoldBody, headers=_KEYED,
    ),
)  # fmt: skip
