"""Trace spans: one for each run, each visit of a step, and each call to a model or a tool.

Spans are made from durable events and take their times from them. A step that a restart cut off is
therefore one span that starts when the step first began. A span is sent once, when it ends; a crash
between the end and the sending loses it.
"""

import json
from collections.abc import Iterator, Sequence

from app.execution.live.live_run import LiveRun
from app.execution.usage import call_of
from app.telemetry.traces import (
    Exporter,
    Span,
    Trace,
    span_of_record,
    span_of_run,
    span_of_step,
    trace_of,
)
from engine import (
    Event,
    JsonObject,
    Run,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunTerminated,
    StepCancelled,
    StepCompleted,
    StepFailed,
    StepRecorded,
    StepTimedOut,
    Visit,
)

_ENDS = (StepCompleted, StepFailed, StepTimedOut, StepCancelled)
_RUN_ENDS = (RunCompleted, RunFailed, RunCancelled, RunTerminated)
SPANS = frozenset({StepRecorded, *_ENDS, *_RUN_ENDS})
"""The events that give the start, the content or the end of a span."""

_CALLS_AGENT = "call-agent"
_LONGEST_CONTENT = 20_000
_LOOKED_AT = 2_000
"""How many of the newest visits are searched for one that has just ended; an append has fewer."""

Attributes = dict[str, str | int | float | bool]


class Spans:
    """Sends spans to an exporter as they end."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    def appended(self, live: LiveRun, events: Sequence[Event]) -> None:
        """Export the spans that these durable events have ended."""
        run = live.run
        trace = trace_of(run)
        if trace is None or not trace.is_sampled:
            return
        has_content = self._exporter.has_content and not live.usable.sensitive
        for event in events:
            if isinstance(event, StepRecorded):
                self._record(run, trace, event, has_content=has_content)
            elif isinstance(event, _ENDS):
                self._step(run, trace, event.step_id, event.visit)
        if run.is_over and run.ended_at_ms is not None and events and _is_last(run, events):
            current = run.current
            if current is not None:  # terminated while inside a step
                self._step(run, trace, current.step_id, current.visit)
            self._exporter.span(_run_span(run, trace, live.tenant))

    def _step(self, run: Run, trace: Trace, step_id: str, visit: int) -> None:
        found = _visit(run, step_id, visit)
        if found is None:
            return
        execution, seen = found
        attributes: Attributes = {
            "stepwell.run.id": run.id,
            "stepwell.step.id": seen.step_id,
            "stepwell.step.type": seen.step_type,
            "stepwell.step.visit": seen.visit,
            "stepwell.step.attempts": seen.attempt,
            "stepwell.step.status": seen.status.value,
        }
        name = f"{seen.step_type} {seen.step_id}"
        if seen.step_type == _CALLS_AGENT:
            agent = seen.output.get("agentId") if isinstance(seen.output, dict) else None
            attributes["gen_ai.operation.name"] = "invoke_agent"
            if isinstance(agent, str):
                attributes["gen_ai.agent.id"] = agent
            name = f"invoke_agent {agent if isinstance(agent, str) else seen.step_id}"
        error = None
        if seen.error is not None and seen.status.value != "completed":
            attributes["error.type"] = seen.error.type
            error = seen.error.message
        self._exporter.span(
            Span(
                trace.id, span_of_step(run.id, execution), span_of_run(run.id), name, "internal",
                seen.started_at_ms, seen.ended_at_ms or run.updated_at_ms, attributes, error,
            )
        )  # fmt: skip

    def _record(self, run: Run, trace: Trace, event: StepRecorded, *, has_content: bool) -> None:
        found = _visit(run, event.step_id, event.visit)
        record = found[1].records.get(event.name) if found else None
        call = call_of(event.name, record) if record is not None else None
        if found is None or call is None or not isinstance(call.get("duration"), int | float):
            return
        execution, _ = found
        details = _model_span(call) if "model" in call else _tool_span(call, event.name)
        name, attributes, error = details
        if has_content and record is not None and isinstance(record.value, dict):
            attributes |= _content(record.value)
        took_ms = round(float(str(call["duration"])))
        self._exporter.span(
            Span(
                trace.id, span_of_record(run.id, execution, event.name),
                span_of_step(run.id, execution), name, "client" if "model" in call else "internal",
                event.at_ms - took_ms, event.at_ms, attributes, error,
            )
        )  # fmt: skip


def _content(record: JsonObject) -> Attributes:
    """Return what was asked and answered, from the record, which holds no secrets."""
    content = {
        "gen_ai.input.messages": record.get("asked"),
        "gen_ai.tool.call.result": record.get("result"),
    }
    if "finish" in record:
        said = {"role": "assistant", "text": record.get("text"), "calls": record.get("toolCalls")}
        content["gen_ai.output.messages"] = [said]
    return {
        name: json.dumps(value, ensure_ascii=False)[:_LONGEST_CONTENT]
        for name, value in content.items()
        if value is not None
    }


def _model_span(call: JsonObject) -> tuple[str, Attributes, str | None]:
    model, operation = str(call["model"]), str(call.get("operation", "chat"))
    attributes: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": model,
    }
    for ours, theirs in (
        ("inputTokens", "gen_ai.usage.input_tokens"),
        ("outputTokens", "gen_ai.usage.output_tokens"),
        ("cachedTokens", "gen_ai.usage.cache_read.input_tokens"),
        ("cost", "stepwell.cost"),
    ):
        value = call.get(ours)
        if isinstance(value, int | float) and not isinstance(value, bool):
            attributes[theirs] = value
    return f"{operation} {model}", attributes, None


def _tool_span(call: JsonObject, name: str) -> tuple[str, Attributes, str | None]:
    tool = str(call.get("tool", name))
    attributes: Attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": tool,
        "gen_ai.tool.call.id": name,
    }
    error = None
    if call.get("ok") is False:
        failed = call.get("error")
        error = str(failed.get("message")) if isinstance(failed, dict) else "it failed"
        if isinstance(failed, dict):
            attributes["error.type"] = str(failed.get("type"))
    return f"execute_tool {tool}", attributes, error


def _run_span(run: Run, trace: Trace, tenant: str) -> Span:
    attributes: Attributes = {
        "stepwell.run.id": run.id,
        "stepwell.workflow.id": run.workflow_id,
        "stepwell.workflow.version": run.version,
        "stepwell.tenant": tenant,
        "stepwell.run.status": run.status.value,
    }
    parent = trace.span
    if run.parent is not None:
        parent = span_of_step(run.parent.run_id, run.parent.execution)
    error = None
    if run.error is not None:
        attributes["error.type"] = run.error.type
        error = run.error.message
    return Span(
        trace.id, span_of_run(run.id), parent, f"run {run.workflow_id}", "server",
        run.started_at_ms, run.ended_at_ms or run.updated_at_ms, attributes, error,
    )  # fmt: skip


def _is_last(run: Run, events: Sequence[Event]) -> bool:
    """Return whether these events have ended the run."""
    return any(event.at_ms == run.ended_at_ms and type(event) in _RUN_ENDS for event in events)


def _visit(run: Run, step_id: str, visit: int) -> tuple[int, Visit] | None:
    """Return a visit and its position among the run's visits; searches the newest first."""
    for execution, seen in _newest(run):
        if (seen.step_id, seen.visit) == (step_id, visit):
            return execution, seen
    return None


def _newest(run: Run) -> Iterator[tuple[int, Visit]]:
    if run.current is not None:
        yield run.executions, run.current
    past = run.past
    for at in range(len(past) - 1, max(-1, len(past) - _LOOKED_AT), -1):
        yield at + 1, past[at]
