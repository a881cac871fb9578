"""The check of a definition before it is saved; it is stricter than compiling a stored one.

It refuses settings without effect, and expressions that can only fail. A definition that was stored
before a rule existed still compiles and runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from engine import Json, JsonObject
from engine.value import value
from steps.agents.agent import AgentDefinition, AgentDocument, compile_agent
from steps.checking.advice import Known, advice_on, advice_on_agent
from steps.checking.as_written import definition_as_written
from steps.checking.own_pool import waits_in_own_pool
from steps.checking.strict_kinds import loose_kinds, unfit_names
from steps.checking.without_effect import unused_priority, without_effect
from steps.contract.step_type import AnyStepType, Problem, first_of
from steps.definition import compile_definition
from steps.document.bodies import DEEPEST, bodies_in, placed
from steps.document.captions import caption_texts
from steps.document.compiled import Definition
from steps.document.defaults import with_defaults
from steps.document.kind import kind_of
from steps.document.problems import InvalidDefinition, with_article
from steps.document.shape import CommonStep, WorkflowDocument, retries_in
from steps.fields.field_specs import spec_problems
from steps.fields.fields_from_data import specs_of_actions, templates_asked
from steps.language.expression import (
    Expression,
    ExpressionError,
    bare_condition,
    expression_of,
    reading_once,
)
from steps.language.findings.types import Declared, crossings_in
from steps.language.findings.words import findings_in
from steps.language.nearest import few_searches
from steps.language.template import expressions_in
from steps.language.template_places import Text, texts_in, texts_of
from steps.registry import Registry

_SHOWN_WORDS = ("description", "title", "default")
_ITEMS_BELONG = (
    "the steps of a call-workflow step that has `items` name it as data.{0}; bare it is there "
    "only in `data` and `workflowId` of such a step, and in lists that a set step makes"
)
_NO_TEMPLATE = "is shown as it stands: no {{ }} is evaluated here"


@value(frozen=True, slots=True)
class Checked:
    """The result of a check.

    Attributes:
        problems: What prevents the definition from being saved.
        warnings: Probable mistakes.
        definition: The compiled definition, if there are no problems.
    """

    problems: list[Problem]
    warnings: list[Problem]
    definition: Definition | None = None


def check_definition(document: Json, registry: Registry, known: Known | None = None) -> Checked:
    """Return all problems and warnings of a document; `known` is what exists on the server."""
    document, definition, problems = definition_as_written(document), None, []
    with reading_once(), few_searches():
        try:
            definition = compile_definition(document, registry)
        except InvalidDefinition as invalid:
            problems = list(invalid.all)
        if not isinstance(document, dict):
            return Checked(problems, [])
        reported = {item.path for item in problems}
        found, warnings = _looked_at(document, registry, known or Known(), _Around())
    warnings += waits_in_own_pool(document, registry)
    problems += [item for item in found if item.path not in reported]
    usable = definition if not problems else None
    return Checked(first_of([*dict.fromkeys(problems)]), first_of(warnings), usable)


def warnings_of(document: dict[str, Any], registry: Registry, known: Known) -> list[Problem]:
    """Return the warnings about a workflow without problems, and about its bodies."""
    with reading_once(), few_searches():
        warnings = _looked_at(document, registry, known, _Around())[1]
    return first_of(warnings + waits_in_own_pool(document, registry))


@value(frozen=True, slots=True)
class _Around:
    """The surroundings of a body: its path, its depth, and the names in its data.

    `payload` declares the data with which a run begins.
    """

    path: str = ""
    depth: int = 0
    declared: Declared = field(default_factory=dict)
    payload: Any = None


def _looked_at(
    document: dict[str, Any], registry: Registry, known: Known, around: _Around
) -> tuple[list[Problem], list[Problem]]:
    """Return problems and warnings of a document or a body, including nested bodies."""
    merged, located = with_defaults(document)
    declared = {**around.declared, **declared_in(document, registry)}
    payload = around.payload or document.get("payload")
    problems = located(_strict(merged, registry, declared, document))
    warnings = located(advice_on({**merged, "payload": payload}, registry, declared, known))
    depth = around.depth + 1
    for body in bodies_in(merged, registry, around.path) if depth <= DEEPEST else ():
        inner = dict(body.document)
        if "defaults" in document:
            inner["defaults"] = document["defaults"]
        below = _Around(body.path, depth)
        if body.is_inline:
            below = _Around(body.path, depth, {**declared, **body.given}, payload)
        found, warned = _looked_at(inner, registry, known, below)
        problems += placed(found, body.place)
        warnings += placed(warned, body.place)
    return list(dict.fromkeys(problems)), list(dict.fromkeys(warnings))


def strictly_compiled(document: Json, registry: Registry) -> Definition:
    """Return the definition of a document that may be saved. Raises `InvalidDefinition`."""
    checked = check_definition(document, registry)
    if checked.definition is None:
        raise InvalidDefinition(checked.problems)
    return checked.definition


@few_searches()
def check_agent(document: Json, known: Known | None = None) -> Checked:
    """Return all problems and warnings of an agent."""
    document = definition_as_written(document)
    problems: list[Problem] = []
    try:
        compile_agent(document)
    except InvalidDefinition as invalid:
        problems = list(invalid.all)
    if not isinstance(document, dict):
        return Checked(problems, [])
    reported = {item.path for item in problems}
    found = [item for text in texts_of(AgentDocument, document, "")
             for item in _text_problems(text, {}, shown=False)]  # fmt: skip
    found += [*loose_kinds(AgentDocument, document, ""), *_blank(document, "name")]
    found += _field_texts(document.get("output"), "output")
    found += _field_specs(document.get("output"), "output")
    found += [*_listed_twice(document, "tools"), *_listed_twice(document, "handoffs")]
    problems += [item for item in found if item.path not in reported]
    return Checked(first_of(problems), first_of(advice_on_agent(document, known or Known())))


def check_document(document: Json, registry: Registry, known: Known | None = None) -> Checked:
    """Check a document as the kind it is; one of no kind is checked as a workflow."""
    if kind_of(document) == "agent":
        return check_agent(document, known)
    return check_definition(document, registry, known)


def strictly_compiled_agent(document: Json) -> AgentDefinition:
    """Return an agent that may be saved. Raises `InvalidDefinition`."""
    if problems := check_agent(document).problems:
        raise InvalidDefinition(problems)
    return compile_agent(definition_as_written(document))


def declared_in(document: Mapping[str, Any], registry: Registry) -> Declared:
    """Return the specs of the names of `data` that have one type wherever they are declared."""
    specs: dict[str, Mapping[str, Any]] = {}
    unclear: set[str] = set()
    listed = document.get("steps")
    steps = [step for step in listed if isinstance(step, dict)] if isinstance(listed, list) else []
    parts = [document.get("payload"), *(step.get("output") for step in steps)]
    parts += [_put_by(step, registry) for step in steps]
    for part in parts:
        for name, spec in part.items() if isinstance(part, dict) else ():
            if not isinstance(spec, dict):
                continue
            if name in specs and specs[name].get("type") != spec.get("type"):
                unclear.add(name)
            before = specs.setdefault(name, spec)
            if spec.get("sensitive") and not before.get("sensitive"):
                specs[name] = {**before, "sensitive": True}
    for name in unclear:  # the type is unknown; sensitive if any declaration is
        specs[name] = {"sensitive": True} if specs[name].get("sensitive") else {}
    return specs


def _put_by(step: Mapping[str, Any], registry: Registry) -> dict[str, JsonObject]:
    """Return the names that a step adds to the data outside its output; types are unknown."""
    kind = registry.get(str(step.get("type")))
    named = [step.get(key) for key in kind.delivers] if kind else []
    return {name: {} for names in named if isinstance(names, dict) for name in names}


def _strict(
    document: dict[str, Any], registry: Registry, declared: Declared, given: Mapping[str, Any]
) -> Iterator[Problem]:
    yield from loose_kinds(WorkflowDocument, document, "")
    yield from _blank(document, "name")
    for key in ("name", "description"):
        yield from _shown(document.get(key), key)
    yield from _field_texts(document.get("payload"), "payload")
    yield from _field_specs(document.get("payload"), "payload")
    for path, written in caption_texts(document.get("title"), document.get("labels")):
        yield from _text_problems(Text(path, written, is_template=True), declared, shown=True)
        for expression in _expressions(written):
            yield from _sensitive_problems(expression, path, declared, "it cannot be shown")
    yield from _place_problems(document.get("concurrency"), declared)
    steps = document.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        kind = registry.get(str(step.get("type"))) if isinstance(step, dict) else None
        if kind is not None:
            yield from _step(step, kind, f"steps[{index}]", declared, given["steps"][index])
    edges = document.get("edges")
    for index, edge in enumerate(edges if isinstance(edges, list) else ()):
        condition = edge.get("condition") if isinstance(edge, dict) else None
        if isinstance(condition, str):
            path = f"edges[{index}].condition"
            yield from _expression_problems(bare_condition(condition), path, declared)
            yield from _items_named(
                Text(path, f"{{{{ {bare_condition(condition)} }}}}", is_template=True)
            )


def _place_problems(concurrency: Any, declared: Declared) -> Iterator[Problem]:
    yield from unused_priority(concurrency, "concurrency")
    for key in ("key", "limit", "priority") if isinstance(concurrency, dict) else ():
        written, path = concurrency.get(key), f"concurrency.{key}"
        if isinstance(written, str):
            yield from _text_problems(Text(path, written, is_template=True), declared, shown=True)
            for expression in _expressions(written):
                yield from _sensitive_problems(expression, path, declared, "no key may tell of it")


def _step(
    step: dict[str, Any],
    kind: AnyStepType,
    path: str,
    declared: Declared,
    written: Mapping[str, Any],
) -> Iterator[Problem]:
    yield from _unused(step, kind, path, written)
    for place, retry in retries_in(step, path):
        chooses = {"on", "nonRetryableErrors"} if place.endswith("]") else set()
        if retry.get("maxAttempts") == 1:
            for key in retry.keys() - {"maxAttempts"} - chooses:
                message = "has no effect: with maxAttempts 1 there is no second attempt"
                yield Problem(f"{place}.{key}", message)
    own = {key: item for key, item in step.items() if key not in CommonStep.model_fields}
    shared = {key: item for key, item in step.items() if key in CommonStep.model_fields}
    yield from loose_kinds(CommonStep, shared, path)
    if kind.built_in:
        yield from loose_kinds(kind.settings, own, path)
        yield from unfit_names(own, path)
    for text in texts_of(kind.settings, own, path):
        yield from _text_problems(text, declared, shown=kind.built_in)
        inside = text.path.removeprefix(f"{path}.")
        if kind.built_in and text.is_template and not kind.has_items(step, inside):
            yield from _items_named(text)
        if kind.built_in and inside == "key":  # of a signal: it is looked up, so kept as it is
            for expression in _expressions(text.text):
                message = "no key may tell of it"
                yield from _sensitive_problems(expression, text.path, declared, message)
    yield from _blank(step, f"{path}.name")
    for key in ("name", "description"):
        yield from _shown(step.get(key), f"{path}.{key}")
    yield from _fields(step, kind, path, declared)


def _listed_twice(document: Mapping[str, Any], key: str) -> Iterator[Problem]:
    """Find what an agent lists again, perhaps with another `approval`."""
    listed, seen = document.get(key), set()
    for index, one in enumerate(listed if isinstance(listed, list) else []):
        named = (one.get("tool"), one.get("workflow")) if isinstance(one, dict) else (one, None)
        if any(name is not None and not isinstance(name, str) for name in named):
            continue
        if named in seen:
            shown = named[0] or named[1]
            yield Problem(f"{key}[{index}]", f"{shown} is listed already; list it once")
        seen.add(named)


def _blank(document: Mapping[str, Any], path: str) -> Iterator[Problem]:
    name = document.get("name")
    if isinstance(name, str) and name and not any(_is_seen(one) for one in name):
        yield Problem(path, "is blank: give a name that people can see")


def _is_seen(character: str) -> bool:
    return character.isprintable() and not character.isspace()


def _unused(
    step: dict[str, Any], kind: AnyStepType, path: str, written: Mapping[str, Any]
) -> Iterator[Problem]:
    """Refuse what has no effect on the step; a default may have one on others of its type."""
    for key, instead in kind.unused_in(step).items():
        is_said = step.get(key) or (key == "retry" and step.get(key) == {})  # the usual policy
        if is_said and (key in kind.unused or key in written):
            message = f"has no effect on {with_article(kind.type)} step: {instead}"
            yield Problem(f"{path}.{key}", message)
    for problem in without_effect(step, path):
        if problem.path[len(path) + 1 :].partition(".")[0].partition("[")[0] in written:
            yield problem


def _fields(
    step: dict[str, Any], kind: AnyStepType, path: str, declared: Declared
) -> Iterator[Problem]:
    output = step.get("output")
    yield from _field_texts(output, f"{path}.output")
    yield from _field_specs(output, f"{path}.output", outputs=True, asked=kind.asks_fields)
    for place, specs in specs_of_actions(step):
        yield from _field_texts(specs, f"{path}.{place}")
        yield from _field_specs(specs, f"{path}.{place}", asked=True)
    templates = list(templates_asked(step, of_output=kind.asks_fields))
    for name, spec in output.items() if isinstance(output, dict) else ():
        if isinstance(spec, dict) and "value" in spec:
            templates.append((f"output.{name}.value", spec["value"]))
    for place, source in templates:
        for text in texts_in(source, f"{path}.{place}", is_template=True):
            yield from _text_problems(text, declared, shown=True)
            yield from _items_named(text)


def _items_named(text: Text) -> Iterator[Problem]:
    """Refuse `item` and `index` where they do not exist."""
    for expression in _expressions(text.text):
        for name in sorted(expression.names & {"item", "index"}):
            message = f"there is no {name} here: {_ITEMS_BELONG.format(name)}"
            yield Problem(text.path, f"{{{{ {expression.text} }}}}: {message}")


def _field_specs(
    specs: Any, path: str, *, outputs: bool = False, asked: bool = False
) -> list[Problem]:
    if not isinstance(specs, dict):
        return []
    return spec_problems(specs, path, outputs=outputs, asked=asked)


def _text_problems(text: Text, declared: Declared, *, shown: bool) -> Iterator[Problem]:
    if not text.is_template:
        if shown:
            yield from _shown(text.text, text.path)
        return
    for expression in _expressions(text.text):
        for message in (*findings_in(expression.node), *crossings_in(expression.node, declared)):
            yield Problem(text.path, f"{{{{ {expression.text} }}}}: {message}")


def _expression_problems(text: str, path: str, declared: Declared) -> Iterator[Problem]:
    try:
        node = expression_of(text).node
    except ExpressionError:
        return  # compiling has reported it
    for message in (*findings_in(node), *crossings_in(node, declared)):
        yield Problem(path, message)


def _expressions(text: str) -> list[Expression]:
    """Return the expressions of a template, empty if it does not compile."""
    if "{{" not in text:
        return []
    return expressions_in(text)


def _sensitive_problems(
    expression: Expression, path: str, declared: Declared, why: str
) -> Iterator[Problem]:
    """Refuse expressions that would reveal a sealed value, in a run's title or its pool key."""
    for read in expression.paths:
        name = str(read.keys[0]) if read.root == "data" and read.keys else ""
        if declared.get(name, {}).get("sensitive"):
            yield Problem(path, f"data.{name} is sensitive, so {why}")


def _field_texts(specs: Any, path: str) -> Iterator[Problem]:
    """Refuse templates in descriptive keys of fields; only `value` is evaluated."""
    for name, spec in specs.items() if isinstance(specs, dict) else ():
        if isinstance(spec, dict):
            for word in _SHOWN_WORDS:
                yield from _shown(spec.get(word), f"{path}.{name}.{word}")
            yield from _field_texts(spec.get("properties"), f"{path}.{name}.properties")


def _shown(value: Any, path: str) -> Iterator[Problem]:
    for text in texts_in(value, path, is_template=False):
        if "{{" in text.text and "}}" in text.text:
            yield Problem(text.path, _NO_TEMPLATE)
