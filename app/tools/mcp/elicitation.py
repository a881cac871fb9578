"""What a server asks while a tool of it is called, and the answers that people have given before.

Nobody can be asked while the call is open, because a person may take a week. A server of protocol
version 2026-07-28 or later says from where it continues (`rounds`). An older server gets the reply
that nobody answered; the run waits, and the tool is called again from its beginning with the
answers.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from engine import JsonObject
from steps.contract.step_type import StepBroke
from steps.tools.asks import ACCEPT, asking, digest_of

_current: ContextVar["OpenCall | None"] = ContextVar("open_call", default=None)


class OpenCall:
    """A call that is under way, and what its server has asked meanwhile."""

    def __init__(self, tool_id: str, answers: Sequence[JsonObject]) -> None:
        self.tool_id = tool_id
        self.answers = answers
        self._left = list(answers)
        self._asked: JsonObject | None = None
        self._in_company = False

    def ask(self, params: ElicitRequestParams) -> ElicitResult:
        """Return the answer that there is; else note the question."""
        question = question_of(params)
        answer = self.taken(digest_of(question))
        if answer is not None:
            return result_of_answer(answer)
        if self._asked is None:
            self._asked = question
        return ElicitResult(action="cancel")

    def taken(self, digest: str) -> "JsonObject | None":
        """Take the oldest answer to a question that is left; None where there is none."""
        for answer in self._left:
            if answer["question"] == digest:
                self._left.remove(answer)
                return answer
        return None

    def leave(self, answers: Sequence[JsonObject]) -> None:
        """Let these be the answers that are left."""
        self._left = list(answers)

    def asked_in_company(self) -> None:
        """Record that the server asked, and nobody can tell for which of several calls."""
        self._in_company = True

    def end(self) -> None:
        """Raise `StepBroke`, such as `ToolAsks` where a person has to answer first."""
        if self._asked is not None:
            raise asking(self.tool_id, self._asked)
        if self._in_company:
            message = (
                f"the server of tool {self.tool_id} asked a person while several of its tools "
                "were called, and did not say for which; call it again"
            )
            raise StepBroke("ToolFailed", message)


class Elicitation:
    """Finds the call for which a server asks."""

    def __init__(self) -> None:
        self._open: list[OpenCall] = []

    @contextmanager
    def of(self, tool_id: str, answers: Sequence[JsonObject]) -> Iterator[OpenCall]:
        """Keep a call open while the block lasts."""
        call = OpenCall(tool_id, answers)
        self._open.append(call)
        token = _current.set(call)
        try:
            yield call
        finally:
            _current.reset(token)
            self._open.remove(call)

    async def answer(self, context: object, params: ElicitRequestParams) -> ElicitResult:
        """Answer a question of the server."""
        # Since 2026-07-28 it is put in the task of the call; before, beside all of them.
        call = _current.get()
        if call is None and len(self._open) == 1:
            call = self._open[0]
        if call is not None:
            return call.ask(params)
        for one in self._open:
            one.asked_in_company()
        return ElicitResult(action="cancel")


def result_of_answer(answer: JsonObject) -> ElicitResult:
    """Return an answer as a server is given it."""
    content: Any = answer.get("content")
    if answer["value"] == ACCEPT:
        return ElicitResult(action="accept", content=content)
    return ElicitResult(action="decline")


def question_of(params: ElicitRequestParams) -> JsonObject:
    """Return what is asked: `message`, with `schema` or `url`."""
    if isinstance(params, ElicitRequestFormParams):
        return {"message": params.message, "schema": _plain(params.requested_schema)}
    return {"message": params.message, "url": params.url}


def _plain(schema: Any) -> Any:
    return schema if isinstance(schema, dict) else schema.model_dump(mode="json", by_alias=True)
