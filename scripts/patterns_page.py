"""The page of patterns, generated from the documents in `examples/patterns`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.definitions.definition_text import read_definition

PATTERNS = Path(__file__).resolve().parent.parent / "examples" / "patterns"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Side by side": (
        "fork-join", "task-graph", "race", "quorum", "discriminator", "best-offer",
        "map-errors-kept", "fan-out-files", "batching",
    ),
    "One after another": (
        "loop-limit", "pagination", "polling", "router", "sub-workflow", "fire-and-forget",
        "state-machine",
    ),
    "Waiting for others": (
        "callback-address", "correlation", "signal-gather", "event-beside", "debounce",
        "webhook-out",
    ),
    "People": (
        "approval-with-deadline", "escalation-ladder", "four-eyes", "human-form",
        "public-form",
    ),
    "When something fails": (
        "try-catch-finally", "retry-by-error-type", "rate-limited-api", "call-rate", "fallback",
        "time-limit",
        "circuit-breaker", "saga", "compensation", "cancel-cleanup", "dead-letter",
        "dead-letter-replay", "error-workflow",
    ),
    "Once, and not at the same time": (
        "idempotent-start", "deduplication", "singleton", "priority", "pool", "lock", "counter",
    ),
    "Data and files": ("csv", "zip-and-mail"),
    "Models": ("agent-with-approval", "budgeted-agent"),
    "What starts a run": (
        "webhook-in", "workflow-as-api", "mcp-tool", "daily-report", "after-several",
    ),
}  # fmt: skip

_HEAD = """\
# Patterns

A cookbook: one small document for each pattern, to copy and change, from
[examples/patterns](../examples/patterns). The tests run all of them at the same time, kill the
server halfway, and compare the results with the file `<name>.expect.yaml` beside each.

The variable `vars.services` is the address of the services that a pattern calls; replace it
with your own. You can run a pattern that calls no service at once, on a temporary journal:

```sh
.venv/bin/stepwell run examples/patterns/escalation-ladder.yaml --data-json '{"what": "Rome"}'
```

If you know another engine, [coming from](coming-from/README.md) has its names for these
patterns."""


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield _HEAD
    for title, names in GROUPS.items():
        yield f"\n## {title}\n"
        yield "| pattern | when to use it | good to know |\n| --- | --- | --- |"
        for name in names:
            (file,) = (it for it in PATTERNS.glob(f"{name}.*") if it.stem == name)
            document: Any = read_definition(file.read_text()).document
            link = f"[{document['name']}](../examples/patterns/{file.name})"
            yield f"| {link} | {document['description']} | {document['note']} |"
