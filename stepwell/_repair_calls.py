"""Builds the requests that explain a run, or change how it continues."""

from dataclasses import dataclass
from uuid import uuid4

from stepwell._calls import Call, given, part
from stepwell._documents import JsonObject


def explain(run_id: str, path: str, at: int | None) -> Call:
    """Ask where a value of a run came from."""
    query = given(path=path, at=None if at is None else str(at))
    return Call("GET", f"/api/workflow/runs/{part(run_id)}/explain", query=query)


def repair(verb: str, run_id: str, reason: str | None, **more: object) -> Call:
    """Change how a run continues; a key made for this call counts a repeated request once."""
    return _repair(verb, given(runId=run_id, reason=reason, **more))


def skip(run_id: str, step_id: str, output: object, visit: int | None, reason: str | None) -> Call:
    """Supply the output of a step."""
    named: dict[str, object] = given(runId=run_id, stepId=step_id, visit=visit, reason=reason)
    return _repair("skip", {**named, "output": output})


def _repair(verb: str, body: JsonObject) -> Call:
    headers = {"idempotency-key": str(uuid4())}
    return Call("POST", f"/api/workflow/management/{verb}", json=body, headers=headers)


@dataclass(frozen=True, slots=True)
class Again:
    """How a run is rerun; `begin` counts if no step is named."""

    step_id: str | None
    visit: int | None
    begin: str
    data: JsonObject | None
    version: str | None
    keep_calls: bool
    reason: str | None


def rerun(run_id: str, again: Again, idempotency_key: str | None) -> Call:
    """Rerun a run; with the same key, a repeated request gives the same run."""
    body: dict[str, object] = given(
        stepId=again.step_id, version=again.version, reason=again.reason
    )
    body |= given(visit=again.visit, data=None if again.data is None else dict(again.data))
    body |= {} if again.step_id else {"from": again.begin}
    return Call(
        "POST",
        f"/api/workflow/rerun/{part(run_id)}",
        json={**body, **({"keepCalls": True} if again.keep_calls else {})},
        headers={"idempotency-key": idempotency_key or str(uuid4())},
    )


def statistics(workflow_id: str, period: str) -> Call:
    """Ask for the statistics of a workflow's runs."""
    return Call("GET", f"/api/workflow/statistics/{part(workflow_id)}", query={"period": period})
