"""Warnings about a definition: names that, as far as is known, do not exist.

Any of them may still be correct: a tool may be installed later, a start may give more fields than
the payload declares, and a plug-in may fail with error types of its own.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from engine.value import value
from steps.agents.person import ASK_USER
from steps.contract.common_errors import COMMON_ERRORS
from steps.contract.step_type import AnyStepType, Problem
from steps.document.bodies import with_start
from steps.document.captions import caption_texts
from steps.document.shape import CommonStep, retries_in
from steps.fields.fields_from_data import templates_asked
from steps.language.catalogue import FUNCTIONS
from steps.language.expression import (
    Expression,
    ExpressionError,
    bare_condition,
    expression_of,
)
from steps.language.findings.foreign import UNMARKED, unmarked_hint
from steps.language.findings.types import Declared
from steps.language.nearest import did_you_mean, nearest
from steps.language.syntax.nodes import Compare, Literal, Node, walk
from steps.language.syntax.parser import parse
from steps.language.syntax.paths import Path, paths_of
from steps.language.syntax.source import path_of
from steps.language.syntax.tokens import Unreadable
from steps.language.template import expressions_in
from steps.language.template_places import Text, texts_in, texts_of
from steps.registry import Registry

_GIVEN = frozenset({"attachment", "fileId"})
"""Names that a start with a file adds to the data."""

_NAMED = frozenset({"data", "steps", "constants", "vars", "item", "index", *FUNCTIONS})
_NAMES_DATA = re.compile(r"\b(data|steps|constants|vars|item)[.\[]")
_LONGEST_TEXT = 500

_FIXED = {
    "run": ("id", "workflowId", "version", "startedAt"),
    "error": ("type", "message", "status", "body", "stepId", "stepName", "attempts", "runId",
              "childRunId", "childStepId", "childType", "childMessage"),
    "outcome": ("status", "result", "error"),
}  # fmt: skip
"""The keys of names whose keys are always the same."""

_BARE = frozenset({"map", "where", "groupBy", "sortBy", "unique", "limit", "with", "on", "equals"})
"""Keys of a list that a set step builds; their values are expressions without braces."""


@value(frozen=True, slots=True)
class Known:
    """What exists on a server for one tenant; None where it is not known.

    Attributes:
        servers: The names before the dot of tools whose server may be unavailable.
        pure: Tools that use nothing but their arguments.
    """

    tools: Collection[str] | None = None
    workflows: Collection[str] | None = None
    agents: Collection[str] | None = None
    models: Collection[str] | None = None
    secrets: Collection[str] | None = None
    variables: Collection[str] | None = None
    servers: Collection[str] = ()
    pure: Collection[str] = ()

    def of(self, what: str) -> Collection[str] | None:
        """Return the names of one kind: `tool`, `workflow`, `agent`, `secret`, ..."""
        found: Collection[str] | None = getattr(self, f"{what}s")
        return found

    def lacks(self, what: str, name: str) -> str | None:
        """Return that there is no such thing, with the nearest name; None if it may exist."""
        known = self.of(what)
        if known is None or name in known:
            return None
        if what == "tool" and _is_away(name, known, self.servers):
            return None
        return f"there is no {what} {name[:130]} now{nearest(name, known)}"


def _is_away(tool: str, known: Collection[str], servers: Collection[str]) -> bool:
    server, dot, _ = tool.partition(".")
    return bool(dot) and server in servers and not any(t.startswith(f"{server}.") for t in known)


def advice_on(
    document: dict[str, Any], registry: Registry, declared: Declared, known: Known
) -> list[Problem]:
    """Return the probable mistakes in a workflow."""
    return list(_Advice(document, registry, declared, known).all())


def advice_on_agent(document: dict[str, Any], known: Known) -> list[Problem]:
    """Return the probable mistakes in an agent."""
    found = []
    tools = document.get("tools")
    for index, item in enumerate(tools if isinstance(tools, list) else ()):
        named = {"tool": item} if isinstance(item, str) else item
        for what in ("tool", "workflow"):
            name = named.get(what) if isinstance(named, dict) else None
            if isinstance(name, str) and not name.endswith(".*") and name != ASK_USER:
                lack = known.lacks(what, name)
                found += [Problem(f"tools[{index}]", lack)] if lack else []
    for key in ("model", "fallback"):
        found += list(_missing(known, "model", document.get(key), key))
    found += _missing(known, "agent", document.get("handoffs"), "handoffs")
    guards = document.get("guards")
    for when, items in guards.items() if isinstance(guards, dict) else ():
        for index, item in enumerate(items if isinstance(items, list) else ()):
            named = item.get("workflow") if isinstance(item, dict) else None
            found += _missing(known, "workflow", named, f"guards.{when}[{index}].workflow")
    return found


def _missing(known: Known, what: str, named: Any, path: str) -> Iterator[Problem]:
    """Yield the problems of a name, or of a list of names, that does not exist."""
    names = enumerate(named) if isinstance(named, list) else [(None, named)]
    for index, name in names:
        if isinstance(name, str) and "{{" not in name and (lack := known.lacks(what, name)):
            yield Problem(path if index is None else f"{path}[{index}]", lack)


def _is_calculated(text: str) -> bool:
    """Return whether a text without `{{ }}` calculates with data or an item: `data.net * 1.2`."""
    if len(text) > _LONGEST_TEXT or not _NAMES_DATA.search(text):
        return False
    try:
        node = parse(text.strip())
    except Unreadable:
        return False
    paths = paths_of(node)
    return all(path.root in _NAMED for path in paths) and any(path.keys for path in paths)


class _Advice:
    def __init__(
        self, document: dict[str, Any], registry: Registry, declared: Declared, known: Known
    ) -> None:
        steps = document.get("steps")
        listed = steps if isinstance(steps, list) else []
        self._steps = [step for step in listed if isinstance(step, dict)]
        self._places = {id(step): index for index, step in enumerate(listed)}
        self._document, self._registry = document, registry
        self._declared, self._known = declared, known
        self._ids = {step["id"] for step in self._steps if isinstance(step.get("id"), str)}
        start = with_start(document).get("initialStep")
        first = next((s for s in self._steps if s.get("id") == start), {})
        self._is_closed = bool(document.get("payload")) or first.get("type") == "collect-inputs"

    def all(self) -> Iterator[Problem]:
        caption = caption_texts(self._document.get("title"), self._document.get("labels"))
        for path, written in caption:
            yield from self._text(Text(path, written, is_template=True))
        for step in self._steps:
            kind = self._registry.get(str(step.get("type")))
            if kind is not None:
                yield from self._step(step, kind, f"steps[{self._places[id(step)]}]")
        edges = self._document.get("edges")
        for index, edge in enumerate(edges if isinstance(edges, list) else ()):
            condition = edge.get("condition") if isinstance(edge, dict) else None
            if isinstance(condition, str):
                yield from self._condition(condition, f"edges[{index}].condition")

    def _step(self, step: dict[str, Any], kind: AnyStepType, path: str) -> Iterator[Problem]:
        yield from self._names(step, kind, path)
        for place, name in kind.calls(step):
            if not name.startswith("#") and "{{" not in name:
                lack = self._known.lacks("workflow", name)
                yield from [Problem(f"{path}.{place}", lack)] if lack else []
        tool = step.get("toolId")
        if step.get("onInterrupted") and isinstance(tool, str) and tool in self._known.pure:
            lack = "has no effect: the tool touches nothing, so it is always called again"
            yield Problem(f"{path}.onInterrupted", lack)
        for place, retry in retries_in(step, path):
            yield from _error_types(retry, kind, f"{place}.nonRetryableErrors")
        own = {key: item for key, item in step.items() if key not in CommonStep.model_fields}
        for text in texts_of(kind.settings, own, path):
            yield from self._text(text, given=kind.given_to_templates)
        output = step.get("output")
        for name, spec in output.items() if isinstance(output, dict) else ():
            value = spec.get("value") if isinstance(spec, dict) else None
            for text in texts_in(value, f"{path}.output.{name}.value", is_template=True):
                yield from self._text(text, has_result=True)
        for place, source in templates_asked(step, of_output=kind.asks_fields):
            for text in texts_in(source, f"{path}.{place}", is_template=True):
                yield from self._text(text)

    def _names(self, step: dict[str, Any], kind: AnyStepType, path: str) -> Iterator[Problem]:
        for key, what in kind.names.items():
            if what != "workflow":
                yield from _missing(self._known, what, step.get(key), f"{path}.{key}")
        callback = step.get("callback")
        if kind.built_in and isinstance(callback, str) and callback not in self._ids:
            lack = f"there is no step {callback}{did_you_mean(callback, self._ids)}"
            yield Problem(f"{path}.callback", lack)

    def _text(
        self, text: Text, *, has_result: bool = False, given: Collection[str] = ()
    ) -> Iterator[Problem]:
        if not text.is_template:
            return
        if "{{" not in text.text:
            key = text.path.rpartition(".")[2].partition("[")[0]
            if key in _BARE:
                return
            hint = unmarked_hint(text.text)
            if hint or _is_calculated(text.text):
                yield Problem(text.path, hint or UNMARKED)
            return
        for expression in expressions_in(text.text):
            yield from self._expression(expression, text.path, has_result=has_result, given=given)

    def _condition(self, text: str, path: str) -> Iterator[Problem]:
        try:
            yield from self._expression(expression_of(bare_condition(text)), path)
        except ExpressionError:
            return  # compiling has reported it

    def _expression(
        self, expression: Expression, path: str, *, has_result: bool = False,
        given: Collection[str] = (),
    ) -> Iterator[Problem]:  # fmt: skip
        for secret in sorted(expression.secrets):
            message = self._known.lacks("secret", secret)
            yield from [Problem(path, message)] if message else []
        for read in expression.paths:
            message = self._unread(read, given) or (None if has_result else _no_result(read))
            yield from [Problem(path, message)] if message else []
        yield from (Problem(path, message) for message in _whole_outputs(expression.node))

    def _unread(self, read: Path, given: Collection[str]) -> str | None:
        """Return a warning if nothing delivers what is read, unless the expression checks first."""
        name = read.keys[0] if read.keys else None
        if not isinstance(name, str) or read.asked:
            return None
        if read.root == "steps" and name not in self._ids:
            return f"there is no step {name}{did_you_mean(name, self._ids)}"
        if read.root == "steps" and len(read.keys) > 1 and read.keys[1] != "output":
            return f"a step has `output` only: what it has delivered is steps['{name}'].output"
        if read.root in _FIXED and name not in _FIXED[read.root]:
            return f"{read.root} has no {name}{did_you_mean(name, _FIXED[read.root])}"
        if read.root == "vars":
            return self._known.lacks("variable", name)
        if read.root == "constants":
            constants = self._document.get("constants")
            return _lacking(constants if isinstance(constants, dict) else {}, name)
        if read.root != "data" or name in {*_GIVEN, *given}:
            return None
        if name in self._declared:
            return _property_of(name, self._declared[name], read)
        hint = nearest(name, self._declared)
        if not (hint or self._is_closed):
            return None  # a start may give any fields
        return f"neither the payload nor the output of a step has {name}{hint}"


def _lacking(constants: Collection[str], name: str) -> str | None:
    hint = did_you_mean(name, constants) if constants else ""
    return None if name in constants else f"there is no constant {name}{hint}"


def _property_of(name: str, spec: Mapping[str, Any], read: Path) -> str | None:
    """Return a warning if a property is probably misspelt: objects may have undeclared keys."""
    properties, key = spec.get("properties"), read.keys[1] if len(read.keys) > 1 else None
    if not isinstance(properties, Mapping) or not isinstance(key, str) or key in properties:
        return None
    hint = nearest(key, properties)
    return f"{name} is declared without {key}{hint}" if hint else None


def _no_result(read: Path) -> str | None:
    """Return a warning that the raw result is available only in the step's own `output`."""
    if read.root not in ("response", "result") or read.asked:
        return None
    return (
        f"there is no {read.root} here: it is there in `value` of fields of a step's own `output`; "
        'what a step before has delivered is steps["its-id"].output'
    )


def _whole_outputs(root: Node) -> Iterator[str]:
    """Find comparisons of a step's whole output, which is an object, with a text."""
    for node in walk(root):
        if not isinstance(node, Compare):
            continue
        found = path_of(node.first)
        named = [str(getattr(key, "value", "")) for key in found[1]] if found else []
        texts = [right for sign, right in node.rest if sign in ("==", "!=")]
        is_text = any(isinstance(one, Literal) and isinstance(one.value, str) for one in texts)
        if found and found[0] == "steps" and named[1:] == ["output"] and is_text:
            yield (
                f"steps.{named[0]}.output is the whole output of the step, mostly an object, which "
                f"equals no text; a person's decision is steps.{named[0]}.output.actionValue"
            )


def _error_types(retry: dict[str, Any], kind: AnyStepType, path: str) -> Iterator[Problem]:
    named = retry.get("nonRetryableErrors")
    known = {word.strip() for words in (*COMMON_ERRORS, *kind.errors) for word in words.split(",")}
    for index, name in enumerate(named if isinstance(named, list) else ()):
        if not isinstance(name, str) or name in known:
            continue
        hint = nearest(name, known)
        if hint or not kind.own_errors:
            message = f"{name[:130]} is not an error of a {kind.type} step{hint}"
            yield Problem(f"{path}[{index}]", message)
