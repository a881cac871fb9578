"""Compiles a JSON document into a runnable definition, or reports all of its problems."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine import Edge, Graph, Json, OnInterrupted, Step
from steps.contract.step_type import AnyStepType, Problem
from steps.document.bodies import DEEPEST as DEEPEST_BODY
from steps.document.bodies import LOCAL, Body, LocalWorkflow, bodies_in, placed, with_start
from steps.document.captions import caption_templates
from steps.document.compiled import CompiledStep, Definition
from steps.document.concurrency import places_of
from steps.document.constants import constants_of
from steps.document.defaults import Located, default_problems, with_defaults
from steps.document.edges import Starts, compile_edges, edge_problems, leaves, read_edges
from steps.document.other_engines import step_type_here
from steps.document.problems import InvalidDefinition, problems_of
from steps.document.shape import CommonStep, WorkflowDocument, policy_of
from steps.fields.field_specs import spec_problems
from steps.fields.fields import Fields
from steps.language.expression import ExpressionError
from steps.language.nearest import did_you_mean, few_searches
from steps.language.template import Template
from steps.registry import Registry

M = TypeVar("M", bound=BaseModel)

_MOST_STEPS = 1_000
_VARIABLE = re.compile(r"\bvars\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")


def compile_definition(document: Json, registry: Registry) -> Definition:
    """Check and compile a workflow, as saving does.

    Args:
        document: The definition, a JSON value.
        registry: The step types that it may use.

    Returns:
        The compiled definition.

    Raises:
        InvalidDefinition: It is not valid; `problems` lists everything that was found.
    """
    if not isinstance(document, dict):
        raise InvalidDefinition([Problem("", "a definition must be a JSON object")])
    merged, located = with_defaults(document)
    try:
        with few_searches():
            whole, found = _read(merged)
            return _Compiler(registry, document, whole).whole(merged, located, found)
    except InvalidDefinition as invalid:
        raise InvalidDefinition(located(invalid.all)) from None


def _read(document: dict[str, Any]) -> tuple[WorkflowDocument, list[Problem]]:
    """Return the document without its edges, as far as it can be read, and its problems.

    What cannot be read is left out, so that the rest of the document is still checked.
    """
    own = {key: item for key, item in document.items() if key not in ("edges", "$schema")}
    found: list[Problem] = []
    try:
        return WorkflowDocument.model_validate(own), found
    except ValidationError as invalid:
        found = problems_of(invalid, WorkflowDocument)
        found_in = invalid.errors(include_url=False, include_input=False)
        left_out = {str(item["loc"][0]) for item in found_in} - {"steps"}
        is_wrong = any(item["loc"][0] == "steps" for item in found_in)
    steps = own.get("steps")
    listed = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    if is_wrong and not listed:
        raise InvalidDefinition(found)
    if is_wrong and isinstance(steps, list) and len(listed) < len(steps) <= _MOST_STEPS:
        # Compiling reports the steps that are not objects, beside the problems of the others.
        found = [item for item in found if not item.path.startswith("steps[")]
        own["steps"] = listed
    fallback = {"name": "?"}
    left = {key: item for key, item in own.items() if key not in left_out}
    try:
        read = WorkflowDocument.model_validate({**fallback, **left})
        return read if listed == steps else read.model_copy(update={"steps": steps}), found
    except ValidationError:
        raise InvalidDefinition(found) from None


class _Compiler:
    """Compiles one document with its bodies, and collects the problems."""

    def __init__(
        self, registry: Registry, document: dict[str, Json], whole: WorkflowDocument
    ) -> None:
        self._registry = registry
        self._document, self._whole = document, whole
        self._given: dict[str, Json] = {}
        self._variables = variables_in(document)
        self._made: dict[str, Definition] = {}

    def whole(
        self, merged: dict[str, Json], located: Located, problems: list[Problem]
    ) -> Definition:
        """Compile the document. Raises `InvalidDefinition` with `problems` and all others."""
        whole = self._whole
        problems = [*problems, *default_problems(whole.defaults, self._registry)]
        constants, found = constants_of(whole.constants)
        problems += found
        self._given = {"constants": constants} if constants else {}
        captions, found = caption_templates(whole.title, whole.labels, self._given)
        problems += found
        made, found = self._part(whole.steps, with_start(merged), whole)
        problems = located([*problems, *found])
        problems += self._bodies(merged, "", 1)
        if problems or made is None:
            raise InvalidDefinition(problems)
        made = replace(made, document=self._document, captions=captions)
        self._made[""] = made
        return made

    def _part(
        self, steps: list[Any], document: dict[str, Any],
        read: WorkflowDocument | LocalWorkflow, path: str = "",
    ) -> tuple[Definition | None, list[Problem]]:  # fmt: skip
        """Compile the steps and edges of the document or of one body."""
        problems = list(spec_problems(read.payload, "payload", outputs=False, stored=True))
        places, found = places_of(read.concurrency, self._given, is_body=bool(path))
        problems += found
        written, unread = read_edges(document.get("edges", []))
        problems += unread
        compiled, found = self.steps(steps)
        problems += found
        edges, found = compile_edges(written, self._given)
        listed = [step for step in steps if isinstance(step, dict)]
        first = document.get("initialStep")
        initial = first if isinstance(first, str) else ""
        starts = Starts(initial, read.onError, read.finally_, of_body=bool(path))
        problems += found
        problems += edge_problems(starts, listed, written, compiled, are_all_read=not unread)
        problems += self._unknown_calls(listed)
        if problems:
            return None, problems
        ends = leaves(compiled, written) if path or starts.at_end else set()
        graph_steps = {
            step.id: _engine_step(common, step, tuple(edges.get(step.id, ())), step.id in ends)
            for common, step in compiled.values()
        }
        whole = self._whole
        return Definition(
            document=document,
            name=whole.name,
            description=whole.description,
            status=whole.status,
            graph=Graph(
                initial,
                graph_steps,
                whole.maxStepExecutions,
                read.onError,
                read.finally_,
                read.timeout,
            ),
            steps={step_id: step for step_id, (_, step) in compiled.items()},
            payload=Fields(read.payload),
            variables=self._variables,
            budget=None if path else whole.budget,
            sensitive=frozenset().union(*(step.output.sensitive for _, step in compiled.values())),
            places=places,
            path=path,
            bodies=self._made,
        ), []

    def _bodies(self, document: dict[str, Any], above: str, depth: int) -> list[Problem]:
        """Compile the bodies below a document or a body; return their problems with their paths."""
        problems: list[Problem] = []
        for body in bodies_in(document, self._registry, above):
            if depth > DEEPEST_BODY:
                message = f"bodies may stand {DEEPEST_BODY} deep in one another"
                return [Problem(body.place, message)]
            problems += placed(self._body(body, depth), body.place)
        return problems

    def _body(self, body: Body, depth: int) -> list[Problem]:
        try:
            read = LocalWorkflow.model_validate(body.document)
        except ValidationError as invalid:
            return problems_of(invalid, LocalWorkflow)
        merged, located = with_defaults({**with_start(body.document), **self._defaults})
        made, problems = self._part(merged["steps"], merged, read, body.path)
        if made is not None:
            kept = {**with_start(body.document), "name": read.name or body.path}
            self._made[body.path] = replace(made, document=kept)
        return [*located(problems), *self._bodies(merged, body.path, depth + 1)]

    @property
    def _defaults(self) -> dict[str, Any]:
        return {"defaults": self._whole.defaults} if self._whole.defaults else {}

    def _unknown_calls(self, steps: list[dict[str, Any]]) -> Iterator[Problem]:
        """Find calls of workflows that the document does not contain."""
        for index, step in enumerate(steps):
            kind = self._registry.get(str(step.get("type")))
            for place, name in kind.calls(step) if kind else ():
                local = name.removeprefix(LOCAL)
                if name != local and "{{" not in name and local not in self._whole.workflows:
                    known = self._whole.workflows
                    hint = did_you_mean(local, known) if known else "; it has no `workflows`"
                    message = f"the document's `workflows` have no {local[:130]}{hint}"
                    yield Problem(f"steps[{index}].{place}", message)

    def steps(
        self, documents: list[Any]
    ) -> tuple[dict[str, tuple[CommonStep, CompiledStep]], list[Problem]]:
        """Compile steps one by one, so that each problem names its own step."""
        compiled: dict[str, tuple[CommonStep, CompiledStep]] = {}
        problems: list[Problem] = []
        seen: dict[str, int] = {}
        for index, document in enumerate(documents):
            path = f"steps[{index}]"
            if not isinstance(document, dict):
                problems.append(Problem(path, "must be an object"))
                continue
            step_id = document.get("id")
            if not isinstance(step_id, str):
                self._step(document, path, problems)  # which reports the id
                continue
            if step_id in seen:
                message = f"id {step_id!r} is taken by steps[{seen[step_id]}]; ids are unique"
                problems.append(Problem(f"{path}.id", message))
                continue
            seen[step_id] = index
            step = self._step(document, path, problems)
            if step:
                compiled[step_id] = step
        return compiled, problems

    def _no_type(self, document: dict[str, Any], name: str) -> str:
        """Return the message that there is no such step type, with the probable one."""
        types = self._registry.types
        if "type" not in document:
            return f"is required: one of {', '.join(sorted(types))}"
        if not name or document["type"] != name:
            return f"must be the name of a step type: one of {', '.join(sorted(types))}"
        hint = step_type_here(name) or did_you_mean(name, types)
        return f"{name[:130]} is not a known step type{hint}"

    def _step(
        self, document: dict[str, Any], path: str, problems: list[Problem]
    ) -> tuple[CommonStep, CompiledStep] | None:
        name = str(document.get("type"))
        kind = self._registry.get(name)
        if kind is None:
            problems.append(Problem(f"{path}.type", self._no_type(document, name)))
            return None
        shared = {key: item for key, item in document.items() if key in CommonStep.model_fields}
        own = {key: item for key, item in document.items() if key not in CommonStep.model_fields}
        common, found = _validated(CommonStep, shared, kind, path)
        settings, more = _validated(kind.settings, own, kind, path)
        found += more
        output = document.get("output", {})
        values: dict[str, Template] = {}
        if isinstance(output, dict):
            found += spec_problems(
                output, f"{path}.output", outputs=True, stored=True, asked=kind.asks_fields
            )
            values, more = _output_values(output, path)
            found += more
        found += _sensitive_answers(kind, output, path)
        if kind.resumable and "onInterrupted" in document:
            message = f"a {name} step always continues after a restart; leave it out"
            found.append(Problem(f"{path}.onInterrupted", message))
        if settings is not None and isinstance(output, dict):
            checked = kind.check(settings, output)
            found += [Problem(f"{path}.{item.path}", item.message) for item in checked]
        problems += found
        if found or common is None or settings is None:
            return None
        timeout_ms = common.timeout if common.timeout is not None else kind.timeout_ms
        if kind.bounds_itself:
            timeout_ms = None
        step = CompiledStep(
            common.id,
            kind,
            settings,
            Fields(output),
            values,
            timeout_ms,
            common.onInterrupted,
            self._given,
            gives_address="callbackUrl" in str(own),
        )
        return common, step


def _validated(
    model: type[M], document: dict[str, Any], kind: AnyStepType, path: str
) -> tuple[M | None, list[Problem]]:
    """Return one part of a step's document, None if it is not valid, and its problems."""
    try:
        return model.model_validate(document), []
    except ValidationError as invalid:
        return None, problems_of(invalid, CommonStep, kind.settings, prefix=path)


def _output_values(
    output: Mapping[str, Any], path: str
) -> tuple[dict[str, Template], list[Problem]]:
    """Return the templates of a step's output fields, and the problems of those that have any."""
    values: dict[str, Template] = {}
    problems: list[Problem] = []
    for field, spec in output.items():
        if isinstance(spec, dict) and "value" in spec:
            try:
                values[field] = Template(spec["value"])
            except ExpressionError as wrong:
                problems.append(Problem(f"{path}.output.{field}.value", str(wrong)))
    return values, problems


def _sensitive_answers(kind: AnyStepType, output: Any, path: str) -> list[Problem]:
    """Refuse sensitive fields in an answer of a person, because the history shows the answer."""
    if not kind.asks or not isinstance(output, dict):
        return []
    message = "the history shows a person's answer, so it cannot be sensitive"
    return [
        Problem(f"{path}.output.{field}.sensitive", message)
        for field, spec in output.items()
        if isinstance(spec, dict) and spec.get("sensitive")
    ]


def variables_in(document: Json) -> frozenset[str]:
    """Return the possible names of variables anywhere in a document."""
    return frozenset(_VARIABLE.findall(json.dumps(document, ensure_ascii=False, default=str)))


def _engine_step(
    common: CommonStep, step: CompiledStep, edges: tuple[Edge, ...], is_last: bool
) -> Step:
    return Step(
        id=step.id,
        type=step.type.type,
        name=common.name,
        ends=step.type.ends or is_last,
        retry=policy_of(common.retry),
        on_interrupted=_on_interrupted(common, step),
        edges=edges,
    )


def _on_interrupted(common: CommonStep, step: CompiledStep) -> OnInterrupted:
    """Return what the engine does with a step after a crash; some types ask by themselves."""
    asks_itself = step.type.asks_itself and common.onInterrupted is OnInterrupted.ASK
    if step.type.resumable or asks_itself:
        return OnInterrupted.RETRY
    return common.onInterrupted
