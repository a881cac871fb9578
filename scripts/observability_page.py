"""The page `docs/observability.md`: every metric and every log line."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from app.telemetry import log, log_output
from app.web.api.metric_table import METRICS

LOGGING = (log, log_output)
"""The modules that write log lines."""

_LEVELS = ("debug", "info", "warning", "error", "critical")
_FIELDS = {
    "address": "where the server listens",
    "ahead_s": "how many seconds the clock is ahead of where it was expected",
    "again_in_s": "seconds until the next try",
    "behind_s": "how many seconds the clock has been set back",
    "calls": "how many calls",
    "command": "the name of the command",
    "connections": "how many connections from outside are taken at once",
    "cpu_ms": "milliseconds of processor time that the event loop used meanwhile",
    "exception": "the traceback of what failed",
    "file": "a file's path",
    "interruptions": "how often the attempt had been interrupted before",
    "max_interruptions": "the setting of that name",
    "known": "the names that exist",
    "limit": "how many files may be open at once",
    "line": "what was written",
    "logger": "the library's logger",
    "message": "what the library says",
    "method": "the request's method",
    "model": "the name of the model",
    "needed": "how many the settings need",
    "of": "the run or tenant whose events the stream shows",
    "owned": "how many shards of runs this process has now",
    "path": "the request's path",
    "processes": "how many processes share the journal",
    "provider": "the name of the identity provider in the settings",
    "position": "the event's position in the journal",
    "request": "the request's id, which is also in its answer",
    "run": "the run's id",
    "runs": "how many runs",
    "schedule": "the schedule's id",
    "trigger": "the trigger's id",
    "server": "the MCP server's name in the settings",
    "shards": "how many shards",
    "sqlite": "the version of SQLite",
    "stack": "where the event loop is",
    "status": "the answer's status",
    "step": "the step's id",
    "tenant": "the tenant's id",
    "tool": "the tool's id, if the step called one",
    "tools": "how many tools",
    "wall_ms": "milliseconds for which the event loop was blocked",
    "webhook": "the webhook's id",
    "why": "what failed, in a sentence",
    "work": "the work in the background, by its name in the code",
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One kind of log line: its text, level, fields and meaning."""

    text: str
    level: str
    fields: tuple[str, ...]
    meaning: str


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Metrics and log\n"
    yield "Every metric, and every line of the log. Made from the code (`make reference`).\n"
    yield "## Metrics\n"
    yield "`GET /metrics` answers in the Prometheus text format. Send the setting `metrics_token`"
    yield "as a Bearer token; if the [settings](settings.md) have no token, there is no such page."
    yield "The figures cover all tenants. Counters begin at 0 with each start of the server.\n"
    yield "| metric | kind | meaning | labels |\n| --- | --- | --- | --- |"
    for row in METRICS:
        labels = "; ".join(f"`{name}`: {told}" for name, told in row.labels.items())
        yield f"| `{row.name}` | {row.kind} | {row.meaning} | {labels} |"
    yield "\nFigures of the process and its interpreter, if the system provides them:\n"
    yield "| metric | kind | meaning |\n| --- | --- | --- |"
    yield from _process_rows()
    yield "\n## Log\n"
    yield "The log goes to standard error, one JSON object a line, or text for people: see"
    yield "`log_level` and `log_format` in the [settings](settings.md). Each line has `event` (the"
    yield "text below), `level` and `timestamp`. Secrets, keys and tokens are `***` in every field."
    yield "Libraries are logged from `warning` on, with their own text as `event`, and `logger`.\n"
    lines = sorted(all_log_lines(), key=lambda line: line.text)
    yield "| event | level | fields | meaning |\n| --- | --- | --- | --- |"
    for line in lines:
        fields = ", ".join(f"`{name}`" for name in line.fields)
        yield f"| {line.text} | {line.level} | {fields} | {line.meaning} |"
    yield "\n| field | what it holds |\n| --- | --- |"
    for name in sorted({name for line in lines for name in line.fields}):
        yield f"| `{name}` | {_FIELDS[name]} |"


def all_log_lines() -> list[LogLine]:
    """Return every kind of line."""
    return [line for module in LOGGING for line in log_lines(inspect.getsource(module))]


def log_lines(source: str) -> Iterator[LogLine]:
    """Yield every kind of line from the functions that write them."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and (level := _level(call.func)):
                (text,) = call.args
                assert isinstance(text, ast.Constant)  # noqa: S101 - a constant text
                names = tuple(
                    str(item.arg).replace("exc_info", "exception") for item in call.keywords
                )
                yield LogLine(str(text.value), level, names, _meaning(function))


def _level(called: ast.expr) -> str | None:
    if isinstance(called, ast.Attribute) and ast.unparse(called.value) == "_log":
        return called.attr if called.attr in _LEVELS else None
    return None


def _meaning(function: ast.FunctionDef) -> str:
    summary = " ".join((ast.get_docstring(function) or "").split())
    meaning = re.sub(r"^Log(?: that)? ", "", summary)
    return meaning[:1].upper() + meaning[1:]


def _process_rows() -> Iterator[str]:
    registry = CollectorRegistry()
    for kind in (ProcessCollector, PlatformCollector, GCCollector):
        kind(registry=registry)
    for family in registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield f"| `{name}` | {family.type} | {family.documentation.rstrip('.')}. |"
