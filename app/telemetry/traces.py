"""W3C trace and span ids, derived from runs so that they stay the same after a restart.

A trace covers a run and its child runs, or is the trace that the run's caller names
(`traceparent`). A run keeps its trace id in its context; its span ids are derived from the run's id
and the number of steps it had entered.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import field
from typing import Literal, Protocol, TypeAlias

from engine import JsonObject, Run
from engine.value import value

HEADER = "traceparent"
_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

Kind: TypeAlias = Literal["internal", "server", "client"]


@value(frozen=True, slots=True)
class Trace:
    """The trace a run belongs to; `span` is the caller's span that is its parent."""

    id: str
    span: str
    is_sampled: bool

    def header(self, span: str) -> str:
        """Return the `traceparent` header that names one of its spans to others."""
        return f"00-{self.id}-{span}-{'01' if self.is_sampled else '00'}"


@value(frozen=True, slots=True)
class Span:
    """A finished operation; ids are hexadecimal, and `parent` is empty if there is none."""

    trace: str
    id: str
    parent: str
    name: str
    kind: Kind
    began_ms: int
    ended_ms: int
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str | None = None


class Exporter(Protocol):
    """Takes spans for an outside collector; never waits, and drops what is too much."""

    @property
    def has_content(self) -> bool:
        """Whether spans of models and tools include questions and answers."""
        ...

    def span(self, span: Span) -> None:
        """Take a span."""
        ...


def read(header: object) -> Trace | None:
    """Return the trace in a `traceparent`, None if it is invalid."""
    found = _FORM.fullmatch(header) if isinstance(header, str) else None
    if found is None or found[1] == _NO_TRACE:
        return None
    return Trace(found[1], "" if found[2] == _NO_SPAN else found[2], bool(int(found[3], 16) & 1))


def trace_of(run: Run) -> Trace | None:
    """Return the trace of a run, None if it began without one."""
    return read(run.context.get(HEADER))


def with_trace(context: JsonObject, sent: str | None = None) -> JsonObject:
    """Return the context of a new run with its trace: the one received, or a new one."""
    known = read(sent)
    if known is not None and known.span:
        return {**context, HEADER: known.header(known.span)}
    if read(context.get(HEADER)) is not None:
        return context
    return {**context, HEADER: Trace(secrets.token_hex(16), "", is_sampled=True).header(_NO_SPAN)}


def span_of_run(run_id: str) -> str:
    """Return the id of a run's span."""
    return _named(run_id)


def span_of_step(run_id: str, execution: int) -> str:
    """Return the id of a step's span, for the run's visit number `execution`."""
    return _named(f"{run_id} {execution}")


def span_of_record(run_id: str, execution: int, name: str) -> str:
    """Return the id of the span of a part of a step."""
    return _named(f"{run_id} {execution} {name}")


def _named(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()[:16]
