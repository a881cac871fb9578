"""The tools for MCP clients: workflows marked as tools, and two tools for their runs.

A call is a start with the caller's role and tenant, and waits for a while. If a run pauses for a
person or takes longer, the answer says so and gives its id. No tool answers a pause: that is for a
person, and the caller of a tool is a model.
"""

import asyncio
import hashlib
import json
import uuid

from app.auth.roles import Role
from app.execution.live.waiters import is_settled
from app.triggers.keyed_starts import StartRefused, Target
from app.web.api.starts import waited_for
from app.web.endpoint import Call
from app.wire.runs.document import outcome_document
from engine import JsonObject, Run, Status
from engine.value import value
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolInfo

_PAGE = 50
_LONGEST_WAIT_S = 50.0
"""Shorter than MCP clients commonly wait for an answer."""

_RUN_ID: JsonObject = {"type": "string", "description": "the runId that a call returned"}
GET_RUN = ToolInfo(
    "get_run",
    "Shows the state of a run: its status, its result, or what it waits for. With `wait` it "
    "waits up to that many seconds, 50 at most, until the run ends or pauses.",
    {
        "type": "object",
        "properties": {
            "runId": _RUN_ID,
            "wait": {"type": "number", "minimum": 0, "maximum": _LONGEST_WAIT_S},
        },
        "required": ["runId"],
        "additionalProperties": False,
    },
)
CANCEL_RUN = ToolInfo(
    "cancel_run",
    "Asks a run to stop gracefully.",
    {
        "type": "object",
        "properties": {"runId": _RUN_ID, "reason": {"type": "string", "maxLength": 2_000}},
        "required": ["runId"],
        "additionalProperties": False,
    },
)
_OF_RUNS = {tool.id: tool for tool in (GET_RUN, CANCEL_RUN)}


class UnknownTool(Exception):
    """There is no tool of that name for this caller."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no tool {name[:100]!r}")


@value(frozen=True, slots=True)
class ToolAnswer:
    """The result of a tool call.

    Attributes:
        text: For the model.
        document: The same as JSON; None if it is not an object.
    """

    text: str
    document: "JsonObject | None" = None
    is_error: bool = False


async def tools_of(call: Call, after: str | None) -> tuple[list[ToolInfo], str | None]:
    """Return a page of the tools that a caller may call, and the cursor of the next."""
    found = [GET_RUN] if after is None else []
    if not call.caller.role.includes(Role.OPERATOR):
        return found, None
    if after is None:
        found.append(CANCEL_RUN)
    workflows = call.services.workflows
    ids = await workflows.table.marked_as_tools(call.tenant, after or "", _PAGE)
    for workflow_id in ids:
        if workflow_id in _OF_RUNS:
            continue
        try:
            found.append(await workflows.as_tool(call.tenant, workflow_id))
        except StepBroke:
            continue  # it was archived or changed in the meantime
    return found, ids[-1] if len(ids) == _PAGE else None


async def called(call: Call, name: str, arguments: JsonObject, key: str | None) -> ToolAnswer:
    """Call a tool; only the first call with an idempotency `key` starts a run.

    Raises:
        UnknownTool: There is no tool of that name.
        Forbidden: The caller's role is too low.
    """
    if name == GET_RUN.id:
        return await _shown(call, arguments)
    if name == CANCEL_RUN.id:
        call.caller.require(Role.OPERATOR)
        return await _cancelled(call, arguments)
    return await _started(call, name, arguments, key)


async def _started(call: Call, name: str, arguments: JsonObject, key: str | None) -> ToolAnswer:
    call.caller.require(Role.OPERATOR)
    services = call.services
    try:
        tool = await services.workflows.as_tool(call.tenant, name)
    except StepBroke as unknown:
        raise UnknownTool(name) from unknown
    digest = hashlib.sha256(f"{call.caller.name}\0{key}".encode()).hexdigest()
    reason = f"mcp:{digest if key else uuid.uuid4().hex}"
    try:
        started = await services.triggers.starts.start(
            Target(call.tenant, tool.id, None),
            arguments,
            reason,
            call.caller.name,
            context=dict(call.caller.context),
        )
    except StartRefused as refused:
        problems = "; ".join(f"{item.path}: {item.message}" for item in refused.problems)
        return ToolAnswer(problems or str(refused), is_error=True)
    run = await services.runs.stored(call.tenant, started.run_id)
    return _answer(await _waited(call, run, _LONGEST_WAIT_S))


async def _shown(call: Call, arguments: JsonObject) -> ToolAnswer:
    wait = arguments.get("wait", 0)
    seconds = float(wait) if isinstance(wait, int | float) else 0.0
    run = await call.services.runs.read(call.tenant, str(arguments.get("runId")))
    return _answer(await _waited(call, run, min(seconds, _LONGEST_WAIT_S)), is_question=True)


async def _cancelled(call: Call, arguments: JsonObject) -> ToolAnswer:
    reason = arguments.get("reason")
    run_id = str(arguments.get("runId"))
    given = None if reason is None else str(reason)[:2_000]
    run = await call.services.runs.cancel(call.tenant, run_id, given, call.caller.name)
    return _answer(run, is_question=True)


async def _waited(call: Call, run: Run, seconds: float) -> Run:
    """Return the run once it ends or pauses, or its state when the wait times out."""
    limit_s = min(seconds, call.services.settings.sync_wait_limit)
    if is_settled(run) or limit_s <= 0:
        return run
    outcome: asyncio.Future[Run] = await call.services.runs.expect(call.tenant, run.id)
    return await waited_for(call, run, outcome, limit_s)


def _answer(run: Run, *, is_question: bool = False) -> ToolAnswer:
    """Return a description of a run's state, for a model."""
    document = outcome_document(run)
    if run.status is Status.COMPLETED:
        result = run.result if run.result is not None else document["data"]
        if is_question:
            return ToolAnswer(_json(document), document)
        return ToolAnswer(_json(result), result if isinstance(result, dict) else None)
    if run.is_over:
        why = f": {run.error.type}: {run.error.message}" if run.error else ""
        text = f"Run {run.id} has ended as {run.status}{why}"
        return ToolAnswer(text, document, is_error=not is_question)
    if run.status is Status.PAUSED:
        pause = run.pause_shown if isinstance(run.pause_shown, dict) else {}
        asked = pause.get("message") or pause.get("type") or "an answer"
        text = (
            f"Run {run.id} is paused: it waits for {asked!r}. A person has to answer, in the inbox "
            f"of the console or over the API; it cannot be answered from here. Ask {GET_RUN.id} "
            "later how it stands."
        )
        return ToolAnswer(text, document)
    text = f"Run {run.id} is still in progress. Call {GET_RUN.id} with this runId to see its state."
    return ToolAnswer(text, document)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
