"""Calls of tools whose server hands back where it stands when it needs an answer.

Servers do so since version 2026-07-28 of the protocol. What is handed back is kept with the
question. Once a person has answered, the call continues from there, so that a tool that has acted
before it asked does not act again. Where the server does not take it any more, since it was started
again or too much time has passed, the tool is called from its beginning, and what it asks again is
answered from what is kept.
"""

from typing import Any

import anyio
from mcp import Client, MCPError
from mcp_types import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    CallToolResult,
    ElicitRequest,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from app.tools.mcp.elicitation import OpenCall, question_of, result_of_answer
from app.tools.mcp.link import McpCall
from engine import Json, JsonObject
from steps.contract.step_type import StepBroke
from steps.tools.asks import asking, digest_of

_MOST_ROUNDS = 20
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.05, 0.5


class ToolRounds:
    """One call, from its beginning or from where its server stood when it asked."""

    def __init__(self, client: Client, call: McpCall, meta: Any, open_call: OpenCall) -> None:
        self._client = client
        self._call = call
        self._meta = meta
        self._open_call = open_call

    async def result(self) -> CallToolResult:
        """Return what the tool gives in the end.

        Raises `StepBroke`, of them `ToolAsks`, and whatever the library raises.
        """
        standing = self._kept_standing()
        if standing is not None:
            # What was answered before is in what the server has handed back.
            same = [one for one in self._open_call.answers if one.get("standing") == standing]
            self._open_call.leave(same)
            answers = self._answers(standing)
            self._open_call.leave(())
            try:
                return await self._to_the_end(await self._send(answers, standing["state"]))
            except MCPError as refused:
                if refused.code != INVALID_PARAMS:
                    raise
            self._open_call.leave(self._open_call.answers)
        return await self._to_the_end(await self._send(None, None))

    def _kept_standing(self) -> Any:
        is_modern = self._client.protocol_version in MODERN_PROTOCOL_VERSIONS
        answers = self._open_call.answers
        return answers[-1].get("standing") if is_modern and answers else None

    async def _to_the_end(self, result: CallToolResult | InputRequiredResult) -> CallToolResult:
        """Answer what can be answered until the tool has a result."""
        wait_s = _FIRST_WAIT_S
        for _ in range(_MOST_ROUNDS):
            if isinstance(result, CallToolResult):
                return result
            answers = None
            if result.input_requests:
                answers = self._answers(self._standing(result))
            else:
                await anyio.sleep(wait_s)
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
            result = await self._send(answers, result.request_state)
        message = f"tool {self._open_call.tool_id} has asked {_MOST_ROUNDS} times in one call"
        raise StepBroke("ToolFailed", message, retryable=False)

    def _standing(self, result: InputRequiredResult) -> JsonObject:
        """Return where the server stands, as it is kept. Raises `StepBroke`."""
        asked: dict[str, Json] = {}
        for key, request in (result.input_requests or {}).items():
            if not isinstance(request, ElicitRequest):
                message = f"tool {self._open_call.tool_id} asks for {request.method}"
                raise StepBroke("ToolFailed", f"{message}, which is not offered", retryable=False)
            question = question_of(request.params)
            asked[key] = {"question": question, "digest": digest_of(question)}
        return {"state": result.request_state, "asked": asked}

    def _answers(self, standing: Any) -> dict[str, ElicitResult]:
        """Return the answers to all that is asked. Raises `StepBroke`: `ToolAsks` for the first."""
        found: dict[str, ElicitResult] = {}
        for key, one in standing["asked"].items():
            answer = self._open_call.taken(one["digest"])
            if answer is None:
                raise asking(self._open_call.tool_id, one["question"], standing)
            found[key] = result_of_answer(answer)
        return found

    async def _send(self, answers: Any, state: Any) -> CallToolResult | InputRequiredResult:
        try:
            return await self._sent(answers, state)
        except MCPError as mismatch:
            if mismatch.code != HEADER_MISMATCH:
                raise
            # What a tool wants in headers is known by its list, which has changed.
            await self._client.list_tools(cache_mode="refresh")
            return await self._sent(answers, state)

    async def _sent(self, answers: Any, state: Any) -> CallToolResult | InputRequiredResult:
        return await self._client.session.call_tool(
            self._call.tool,
            self._call.arguments,
            input_responses=answers,
            request_state=state,
            meta=self._meta,
            allow_input_required=True,
        )
