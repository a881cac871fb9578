"""The requests that answer a pause: they name the pause that was read, and count once."""

import json
from typing import Any

import httpx
import pytest

from stepwell import _resuming as resuming
from stepwell._calls import AnswerDetails, Call
from stepwell._documents import RunStatus
from stepwell._errors import ApiError, NotPaused, Unanswered
from stepwell._flow import Answer, Flow, Send, Sleep

NONE = AnswerDetails(None, None)
ACTION = {"type": "request_user_action", "stepId": "ask", "actionId": "a", "pauseId": "run-1:7"}
INPUTS = {"type": "collect_inputs", "stepId": "form", "fields": {}, "pauseId": "run-1:8"}


def answer(signal: dict[str, Any] | None, status: int = 200) -> Answer:
    run: dict[str, Any] = {"runId": "run-1", "workflowId": "w", "version": "1.0.0", "data": {}, "pauseSignal": signal,
           "status": "paused" if signal else "completed", "stepExecutionHistory": [],
           "startTime": "2026-01-01T00:00:00Z"}  # fmt: skip
    return Answer(status, {}, json.dumps(run).encode())


def sent(flow: Flow[RunStatus], *answers: Answer | httpx.TransportError) -> list[Call]:
    """Return the requests that a flow sends when it gets these answers."""
    calls, operation, left = [], next(flow), list(answers)
    try:
        while True:
            if isinstance(operation, Sleep):
                operation = flow.send(None)
                continue
            assert isinstance(operation, Send)
            calls.append(operation.call)
            heard = left.pop(0)
            operation = flow.send(heard) if isinstance(heard, Answer) else flow.throw(heard)
    except StopIteration:
        assert left == []
        return calls


def body(call: Call) -> dict[str, Any]:
    assert isinstance(call.json, dict)
    return call.json


def lost() -> httpx.ReadError:
    return httpx.ReadError("gone", request=httpx.Request("POST", "http://a"))


def action(ids: AnswerDetails = NONE, data: dict[str, Any] | None = None) -> Flow[RunStatus]:
    return resuming.resume_action("run-1", "approved", data, ids, 30)


def inputs(ids: AnswerDetails = NONE) -> Flow[RunStatus]:
    return resuming.resume_inputs("run-1", {"city": "Ulm"}, ids, 30)


def without_id(signal: dict[str, Any]) -> dict[str, Any]:
    return {name: item for name, item in signal.items() if name != "pauseId"}


def test_an_answer_names_the_pause_that_was_read() -> None:
    beside = AnswerDetails(None, None, "fine", ["file-1"])
    looked, resumed = sent(action(beside, {"why": "late"}), answer(ACTION), answer(None))
    assert (looked.method, looked.path) == ("GET", "/api/workflow/status/run-1")
    assert resumed.json == {"type": "request_user_action", "actionId": "a", "stepId": "ask",
                            "actionValue": "approved", "comment": "fine", "pauseId": "run-1:7",
                            "data": {"why": "late"}, "attachments": ["file-1"]}  # fmt: skip
    _, resumed = sent(inputs(), answer({**INPUTS, "runId": "run-2"}), answer(None))
    assert resumed.json == {"type": "collect_inputs", "data": {"city": "Ulm"}, "stepId": "form",
                            "runId": "run-2", "pauseId": "run-1:8"}  # fmt: skip


@pytest.mark.parametrize("flow", [action, inputs])
def test_a_lost_answer_is_sent_again_with_the_same_key(flow: Any) -> None:
    _, first, second = sent(flow(), answer(ACTION), lost(), answer(None))
    assert first == second
    assert first.headers["idempotency-key"]
    _, other = sent(flow(), answer(ACTION), answer(None))
    assert other.headers["idempotency-key"] != first.headers["idempotency-key"]


@pytest.mark.parametrize("flow", [action, inputs])
def test_an_answer_without_a_pause_id_is_not_retried(flow: Any) -> None:
    _, resumed = sent(flow(), answer(without_id(ACTION)), answer(None))
    assert "pauseId" not in body(resumed)
    assert resumed.headers == {}
    with pytest.raises(Unanswered):
        sent(flow(), answer(without_id(ACTION)), lost())


@pytest.mark.parametrize(("flow", "signal"), [(action, ACTION), (inputs, INPUTS)])
def test_a_run_under_way_gets_time_to_reach_its_pause(flow: Any, signal: Any) -> None:
    running = answer(None)
    document = json.loads(running.body)
    running = Answer(200, {}, json.dumps({**document, "status": "running"}).encode())
    *looks, resumed = sent(flow(), running, running, answer(signal), answer(None))
    assert [look.method for look in looks] == ["GET"] * 3
    assert body(resumed)["pauseId"] == signal["pauseId"]


def test_ids_given_by_the_caller_take_precedence() -> None:
    mine = AnswerDetails("run-1:3", "mine")
    _, resumed = sent(action(mine), answer(ACTION), answer(None))
    assert (body(resumed)["pauseId"], resumed.headers) == ("run-1:3", {"idempotency-key": "mine"})
    (resumed,) = sent(inputs(mine), answer(None))
    assert (body(resumed)["pauseId"], resumed.headers) == ("run-1:3", {"idempotency-key": "mine"})
    _, resumed = sent(inputs(AnswerDetails(None, "mine")), answer(INPUTS), answer(None))
    assert (body(resumed)["pauseId"], resumed.headers) == ("run-1:8", {"idempotency-key": "mine"})


def test_an_answer_without_an_open_pause_raises() -> None:
    with pytest.raises(NotPaused):
        sent(action(), answer(None))
    with pytest.raises(NotPaused):
        sent(action(), answer(INPUTS))
    with pytest.raises(ApiError):
        sent(inputs(), answer(None), Answer(409, {}, b'{"error": "Conflict"}'))
