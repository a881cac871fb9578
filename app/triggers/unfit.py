"""Finds what a trigger says without effect, or with one that can never be right, when it is saved.

Stored triggers are not checked again, so an upgrade that adds a rule here stops none of them.
"""

import json
from collections.abc import Iterator
from typing import Any

from app.triggers.trigger_document import (
    REQUEST_NAMES,
    RUN_NAMES,
    FormTrigger,
    RequestTrigger,
    RunTrigger,
    TriggerBody,
    condition_over,
    template_over,
)
from engine import JsonObject
from steps.contract.step_type import Problem
from steps.document.compiled import Definition
from steps.fields.fields import Fields
from steps.language.expression import Expression
from steps.language.nearest import did_you_mean

REQUEST_KEYS = ("at", "body", "files", "headers", "id", "method", "query")
"""What `request` has in expressions."""
RUN_KEYS = ("caller", "endedAt", "id", "startedAt", "status", "version", "workflowId")
"""What `run` has in expressions of triggers on ends of runs."""


def unfit(body: TriggerBody, definition: Definition | None) -> Iterator[Problem]:
    """Return the problems of a trigger; `definition` is the workflow that it starts, if any."""
    match body:
        case RequestTrigger():
            yield from _unfit_request(body)
        case RunTrigger():
            yield from _unknown_keys(body, "run", RUN_KEYS)
        case FormTrigger():
            yield from _unevaluated(body.data)
    if definition is not None and isinstance(body.data, dict):
        yield from _unfit_constants(body.data, definition.payload)


def _unfit_request(body: RequestTrigger) -> Iterator[Problem]:
    key = body.idempotencyKey
    if key is not None and not _expressions(key, REQUEST_NAMES):
        why = "has no {{ }}, so all requests would have the same key; name what differs, such as"
        yield Problem("idempotencyKey", f"{why} {{{{ request.body.id }}}}")
    is_input = body.workflowId is not None and body.data is not None
    if is_input and isinstance(body.data, list):
        yield Problem("data", "must be an object, not a list, as input of a run")
    elif is_input and _is_plain(body.data):
        yield Problem("data", "must be an object, or a template that gives one")
    yield from _unknown_keys(body, "request", REQUEST_KEYS)


def _unknown_keys(
    body: RequestTrigger | RunTrigger, root: str, known: tuple[str, ...]
) -> Iterator[Problem]:
    """Find keys of `request` or `run` that never exist."""
    names = REQUEST_NAMES if isinstance(body, RequestTrigger) else RUN_NAMES
    named = [("data", _expressions(body.data, names))]
    if body.when is not None:
        named.append(("when", [condition_over(body.when, names)]))
    if body.signal is not None:
        named.append(("signal.key", _expressions(body.signal.key, names)))
    if isinstance(body, RequestTrigger):
        named.append(("idempotencyKey", _expressions(body.idempotencyKey, names)))
    for place, expressions in named:
        for expression in expressions:
            for path in expression.paths:
                if path.root == root and path.keys and path.keys[0] not in known:
                    hint = did_you_mean(str(path.keys[0]), known)
                    yield Problem(place, f"{root} has no {path.keys[0]}{hint}")


def _is_plain(source: Any) -> bool:
    return not isinstance(source, dict) and not _expressions(source, REQUEST_NAMES)


def _expressions(source: Any, names: frozenset[str]) -> list[Expression]:
    return [*template_over(source, names).expressions()]


def _unevaluated(data: JsonObject) -> Iterator[Problem]:
    """Find templates among the inputs that a form sets."""
    for name, item in data.items():
        if isinstance(item, str) and "{{" in item:
            yield Problem(f"data.{name}", "is used as it stands: {{ }} is not evaluated here")


def _unfit_constants(data: JsonObject, payload: Fields) -> Iterator[Problem]:
    """Find inputs without templates that the workflow would refuse at each start."""
    for name, item in data.items():
        if name in payload.specs and "{{" not in json.dumps(item):
            yield from Fields({name: payload.specs[name]}).check({name: item})
