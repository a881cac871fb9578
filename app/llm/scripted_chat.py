"""A model for tests: it gives the answers in its document, without any request."""

import asyncio
import json
import re

from app.llm.endpoint import Endpoint, tool_calls
from app.llm.tokens import ReportedTokens, usage_of
from app.settings.scripted import ASKED, Script, ScriptedAnswer
from engine import Json, JsonObject
from engine.counted import counted
from steps.agents.tools import DELIVER, plain_name
from steps.contract.step_type import StepBroke
from steps.effects.chat import ANSWER_TOOL, ChatAnswer, ChatRequest, ToolCall
from steps.language.condition import compiled_condition
from steps.language.expression import ExpressionError
from steps.language.template import Template, as_text

_PIECE = re.compile(r"\S+\s*|\s+")


async def ask(endpoint: Endpoint, request: ChatRequest) -> ChatAnswer:
    """Answer by the script; the caller fills in `latency_ms`.

    Raises:
        StepBroke: The script says so, or has no answer.
    """
    asked = _asked(request)
    scope: JsonObject = {"asked": asked}
    try:
        answer = await _answer(endpoint.settings.scripts, asked, scope)
        text = as_text(await _rendered(answer.text, scope))
        calls = [(one.tool, await _rendered(one.arguments, scope)) for one in answer.calls]
        output = await _rendered(answer.output, scope)
    except ExpressionError as failed:
        message = f"the script of model {endpoint.settings.model} fails: {failed}"
        raise StepBroke("ModelRejected", message, retryable=False) from failed
    delay_s = (answer.delay or 0) / 1_000
    if endpoint.settings.stream:
        pieces = _PIECE.findall(text)
        for piece in pieces:
            endpoint.on_text(piece)
            await asyncio.sleep(delay_s / len(pieces))
    else:
        await asyncio.sleep(delay_s)
    if answer.error is not None:
        raise StepBroke(answer.error.type, answer.error.message, retryable=answer.error.retryable)
    if output is not None:
        tool = _way_to_deliver(request)
        if tool is None:
            text = as_text(output)
        else:
            calls.append((tool, output))
    named = tool_calls(
        (f"call_{asked['turn']}_{n}", plain_name(name), json.dumps(given, ensure_ascii=False), {})
        for n, (name, given) in enumerate(calls)
    )
    return _whole(endpoint, request, answer, text, named)


def _whole(
    endpoint: Endpoint,
    request: ChatRequest,
    answer: ScriptedAnswer,
    text: str,
    calls: tuple[ToolCall, ...],
) -> ChatAnswer:
    reported = ReportedTokens(answer.inputTokens, answer.outputTokens)
    return ChatAnswer(
        text=text,
        tool_calls=calls,
        finish="tool_calls" if calls else "stop",
        model=endpoint.settings.model,
        usage=usage_of(request, text, calls, reported),
        latency_ms=0,
        origin=endpoint.origin,
    )


async def _answer(scripts: list[Script], asked: JsonObject, scope: JsonObject) -> ScriptedAnswer:
    """Return the answer to a request. Raises `StepBroke` if there is none."""
    turn = int(asked["turn"])  # type: ignore[arg-type] # by `_asked`
    for number, script in enumerate(scripts, 1):
        await asyncio.sleep(0)  # compiling many conditions takes long; others get their turn
        if script.when is None or await compiled_condition(script.when, ASKED).evaluated(scope):
            if turn <= len(script.answers):
                return script.answers[turn - 1]
            held = counted(len(script.answers), "answer")
            message = f"script {number} has {held}, and is asked for one more"
            raise StepBroke("ModelRejected", message, retryable=False)
    message = f"no script answers the question {str(asked['message'])[:200]!r}"
    raise StepBroke("ModelRejected", message, retryable=False)


def _asked(request: ChatRequest) -> JsonObject:
    """Return the data about a request that expressions can use."""
    messages = request.messages
    last = max((at for at, item in enumerate(messages) if item.role == "assistant"), default=-1)
    texts = [message.text for message in messages if message.role == "user"]
    return {
        "turn": 1 + sum(message.role == "assistant" for message in messages),
        "agent": request.agent,
        "system": "\n\n".join(item.text for item in messages if item.role == "system"),
        "message": texts[-1] if texts else "",
        "first": texts[0] if texts else "",
        "results": [_value(m.text) for m in messages[last + 1 :] if m.role == "tool"],
        "tools": [tool.name for tool in request.tools],
    }


def _way_to_deliver(request: ChatRequest) -> str | None:
    """Return the tool by which the requested output is delivered; None if it is given as text."""
    names = {tool.name for tool in request.tools}
    if DELIVER in names:
        return DELIVER
    return ANSWER_TOOL if request.tool_choice == ANSWER_TOOL and names == {ANSWER_TOOL} else None


async def _rendered(source: Json, scope: JsonObject) -> Json:
    return await Template(source, also=ASKED).rendered(scope)


def _value(text: str) -> Json:
    try:
        found: Json = json.loads(text)
    except ValueError:
        return text
    return found
