"""Finds settings of a step that other settings of the same step deprive of any effect.

They are refused when a definition is saved; a definition that is stored already runs as before.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from steps.contract.step_type import Problem
from steps.document.shape import retries_in
from steps.http.run_answer import has_no_body
from steps.language.durations import duration_ms
from steps.language.iso_dates import moment_ms
from steps.language.template import placeholders

_NEVER_FINAL = "is never the status of an answer, only of a notice that one is still to come"
_LEAST_STATUS = 200
_EARLY = {"reminded": "remind", "escalated": "escalateTo"}


def without_effect(step: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Return the settings of the step at `path`, as written, that have no effect."""
    yield from _of_retries(step, path)
    yield from _of_models(step, path)
    match step.get("type"):
        case "call-api":
            yield from _of_requests(step, path)
        case "collect-inputs" | "request-user-action":
            yield from _of_questions(step, path)
        case "set":
            values = step.get("values")
            for name, one in values.items() if isinstance(values, dict) else ():
                if isinstance(one, dict) and "map" in one:
                    yield from _of_lists(one, f"{path}.values.{name}")
        case "wait":
            yield from _of_waits(step, path)
        case "end-flow":
            answer = step.get("answer")
            status = answer.get("status") if isinstance(answer, dict) and "body" in answer else None
            if type(status) is int and has_no_body(status):
                message = f"has no effect: an answer with status {status} has no body"
                yield Problem(f"{path}.answer.body", message)


def unused_priority(concurrency: Any, path: str) -> Iterator[Problem]:
    """Refuse a priority in a line where nobody waits."""
    if isinstance(concurrency, dict) and "priority" in concurrency:
        full = concurrency.get("whenFull", "queue")
        if full in ("refuse", "cancel-oldest"):
            message = f"has no effect: with whenFull {full} no run waits in line"
            yield Problem(f"{path}.priority", message)


def _of_waits(step: Mapping[str, Any], path: str) -> Iterator[Problem]:
    until = step.get("until")
    if isinstance(until, int) or (isinstance(until, str) and not placeholders(until)):
        try:
            moment_ms(until)
        except ValueError as never:
            yield Problem(f"{path}.until", str(never))


def _of_lists(mapping: Mapping[str, Any], path: str) -> Iterator[Problem]:
    descending = mapping.get("descending", False)
    if not isinstance(descending, bool):
        yield Problem(f"{path}.descending", "must be true or false")
    elif descending and mapping.get("sortBy") is None:
        yield Problem(f"{path}.descending", "has no effect without sortBy")
    limit = mapping.get("limit")
    if isinstance(limit, int) and (isinstance(limit, bool) or limit < 0):
        yield Problem(f"{path}.limit", "must be a whole number from 0 on")


def _of_retries(step: Mapping[str, Any], path: str) -> Iterator[Problem]:
    takes_all = None
    for place, retry in retries_in(step, path):
        first, longest = (_length(retry.get(key)) for key in ("initialInterval", "maximumInterval"))
        if first is not None and longest is not None and first > longest:
            message = "has no effect: the wait is never longer than maximumInterval"
            yield Problem(f"{place}.initialInterval", message)
        never = retry.get("nonRetryableErrors")
        on = retry.get("on")
        if on == []:
            yield Problem(f"{place}.on", "has no effect: it names no failure; leave it out for all")
        for index, name in enumerate(on if isinstance(on, list) else ()):
            if isinstance(never, list) and name in never:
                message = "has no effect: nonRetryableErrors has it too"
                yield Problem(f"{place}.on[{index}]", message)
        if takes_all is not None and not on:
            message = f"has no effect: {takes_all} applies to every failure that is retried"
            yield Problem(place, message)
        elif not on and not never:
            takes_all = place


def _of_models(step: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if step.get("type") not in ("call-llm", "call-agent"):
        return
    fallback = step.get("fallback")
    before = [step.get("model")]
    for index, name in enumerate(fallback if isinstance(fallback, list) else ()):
        if name in before:
            yield Problem(f"{path}.fallback[{index}]", "has no effect: it is asked before already")
        before.append(name)


def _of_requests(step: Mapping[str, Any], path: str) -> Iterator[Problem]:
    expected = step.get("expectedStatus")
    for index, status in enumerate(expected if isinstance(expected, list) else ()):
        if status == "1xx" or (type(status) is int and status < _LEAST_STATUS):
            yield Problem(f"{path}.expectedStatus[{index}]", _NEVER_FINAL)


def _of_questions(step: Mapping[str, Any], path: str) -> Iterator[Problem]:
    notices = step.get("notify")
    for at, notice in enumerate(notices if isinstance(notices, list) else ()):
        on = notice.get("on") if isinstance(notice, dict) else None
        for index, occasion in enumerate(on if isinstance(on, list) else ()):
            needed = _EARLY.get(occasion) if isinstance(occasion, str) else None
            if needed is not None and not step.get(needed):
                message = f"has no effect: the step has no `{needed}`"
                yield Problem(f"{path}.notify[{at}].on[{index}]", message)
    deadline = _length(step.get("deadline"))
    if deadline is None or step.get("onDeadline") == "stay":
        return
    remind, escalate = (
        enumerate(listed if isinstance(listed, list) else ())
        for listed in (step.get("remind"), step.get("escalateTo"))
    )
    times = [(f"remind[{at}]", item) for at, item in remind]
    times += [
        (f"escalateTo[{at}].after", item.get("after"))
        for at, item in escalate
        if isinstance(item, dict)
    ]
    for place, written in times:
        after = _length(written)
        if after is not None and after >= deadline:
            message = "has no effect: the question is over by then, at its `deadline`"
            yield Problem(f"{path}.{place}", message)


def _length(written: Any) -> int | None:
    """Return a duration in milliseconds; None if it is a template or no duration."""
    try:
        return duration_ms(written)
    except ValueError:
        return None
