"""From a JSON document to a definition that can be run, or to all of its problems."""

import json
import re
from typing import Any

from pydantic import ValidationError

from engine import Edge, Graph, Json, OnInterrupted, RetryPolicy, Step
from steps.compiled import CompiledStep, Definition
from steps.constants import constants_of
from steps.contract import Problem
from steps.defaults import default_problems, with_defaults
from steps.document import CommonStep, WorkflowDocument
from steps.edges import NumberedEdges, compile_edges, edge_problems, read_edges
from steps.expression import ExpressionError
from steps.field_specs import spec_problems
from steps.fields import Fields
from steps.nearest import did_you_mean
from steps.problems import InvalidDefinition, problems_of
from steps.registry import Registry
from steps.template import Template

_VARIABLE = re.compile(r"\bvars\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")


def compile_definition(document: Json, registry: Registry) -> Definition:
    """Check and compile a workflow, as a save does.

    Args:
        document: The definition, a JSON value.
        registry: The step types that it may use.

    Returns:
        The definition, ready to be run.

    Raises:
        InvalidDefinition: It is not valid; `problems` are all that was found.
    """
    if not isinstance(document, dict):
        raise InvalidDefinition([Problem("", "a definition must be a JSON object")])
    merged, located = with_defaults(document)
    try:
        whole, found = _read(merged)
        edges, more = read_edges(document.get("edges", []))
        return _Compiler(registry).whole(document, whole, edges, [*found, *more])
    except InvalidDefinition as invalid:
        raise InvalidDefinition(located(invalid.all)) from None


def _read(document: dict[str, Any]) -> tuple[WorkflowDocument, list[Problem]]:
    """Return the document but for its edges, read as far as it can be, and its problems.

    What cannot be read is left out, so that the rest of the document is looked at all the same.
    """
    own = {key: item for key, item in document.items() if key not in ("edges", "$schema")}
    found: list[Problem] = []
    try:
        return WorkflowDocument.model_validate(own), found
    except ValidationError as invalid:
        found = problems_of(invalid, WorkflowDocument)
        wrong = {str(item["loc"][0]) for item in invalid.errors(include_url=False)}
    steps = own.get("steps")
    listed = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    if "steps" in wrong and len(listed) != len(steps or ()):
        raise InvalidDefinition(found)
    fallback = {"name": "?", "initialStep": str(listed[0].get("id")) if listed else "?"}
    left = {key: item for key, item in own.items() if key not in wrong - {"steps"}}
    try:
        return WorkflowDocument.model_validate({**fallback, **left}), found
    except ValidationError:
        raise InvalidDefinition(found) from None


class _Compiler:
    """Compiles one document, gathering problems on the way."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._given: dict[str, Json] = {}

    def whole(
        self,
        document: dict[str, Json],
        whole: WorkflowDocument,
        written: NumberedEdges,
        problems: list[Problem],
    ) -> Definition:
        """Compile a document. Raises `InvalidDefinition` with `problems` and all others."""
        problems = [*problems, *default_problems(whole.defaults, self._registry)]
        constants, found = constants_of(whole.constants)
        problems += found
        self._given = {"constants": constants} if constants else {}
        compiled, found = self.steps(whole.steps)
        problems += [*found, *spec_problems(whole.payload, "payload", outputs=False)]
        edges, found = compile_edges(written, self._given)
        problems += edge_problems(whole, written, compiled) + found
        if problems:
            raise InvalidDefinition(problems)
        steps = {
            step.id: _engine_step(common, step, tuple(edges.get(step.id, ())))
            for common, step in compiled.values()
        }
        return Definition(
            document=document,
            name=whole.name,
            description=whole.description,
            status=whole.status,
            graph=Graph(whole.initialStep, steps, whole.maxStepExecutions),
            steps={step_id: step for step_id, (_, step) in compiled.items()},
            payload=Fields(whole.payload),
            variables=variables_in(document),
            budget=whole.budget,
        )

    def steps(
        self, documents: list[Any]
    ) -> tuple[dict[str, tuple[CommonStep, CompiledStep]], list[Problem]]:
        """Compile steps one by one, so that each problem stands at its own step."""
        compiled: dict[str, tuple[CommonStep, CompiledStep]] = {}
        problems: list[Problem] = []
        seen: dict[str, int] = {}
        for index, document in enumerate(documents):
            path = f"steps[{index}]"
            if not isinstance(document, dict):
                problems.append(Problem(path, "a step must be an object"))
                continue
            step_id = str(document.get("id"))
            if step_id in seen:
                message = f"id {step_id!r} is taken by steps[{seen[step_id]}]; ids are unique"
                problems.append(Problem(f"{path}.id", message))
                continue
            seen[step_id] = index
            step = self._step(document, path, problems)
            if step:
                compiled[step_id] = step
        return compiled, problems

    def _step(
        self, document: dict[str, Any], path: str, problems: list[Problem]
    ) -> tuple[CommonStep, CompiledStep] | None:
        name = str(document.get("type"))
        kind = self._registry.get(name)
        if kind is None:
            hint = did_you_mean(name, self._registry.types)
            message = f"{name} is not a known step type{hint}"
            problems.append(Problem(f"{path}.type", message))
            return None
        found: list[Problem] = []
        own = {key: item for key, item in document.items() if key not in CommonStep.model_fields}
        common = settings = None
        try:
            shared = {k: v for k, v in document.items() if k in CommonStep.model_fields}
            common = CommonStep.model_validate(shared)
        except ValidationError as invalid:
            found += problems_of(invalid, CommonStep, kind.settings, prefix=path)
        try:
            settings = kind.settings.model_validate(own)
        except ValidationError as invalid:
            found += problems_of(invalid, CommonStep, kind.settings, prefix=path)
        output = document.get("output", {})
        values: dict[str, Template] = {}
        if isinstance(output, dict):
            found += spec_problems(output, f"{path}.output", outputs=True)
            for field, spec in output.items():
                if isinstance(spec, dict) and "value" in spec:
                    try:
                        values[field] = Template(spec["value"])
                    except ExpressionError as wrong:
                        found.append(Problem(f"{path}.output.{field}.value", str(wrong)))
        if kind.resumable and "onInterrupted" in document:
            message = f"a {name} step always goes on after a restart; leave it out"
            found.append(Problem(f"{path}.onInterrupted", message))
        if settings is not None and isinstance(output, dict):
            checked = kind.check(settings, output)
            found += [Problem(f"{path}.{item.path}", item.message) for item in checked]
        problems += found
        if found or common is None or settings is None:
            return None
        timeout_ms = common.timeout if common.timeout is not None else kind.timeout_ms
        gives_address = "callbackUrl" in str(own)
        step = CompiledStep(
            common.id,
            kind,
            settings,
            Fields(output),
            values,
            timeout_ms,
            common.onInterrupted,
            self._given,
            gives_address,
        )
        return common, step


def variables_in(document: Json) -> frozenset[str]:
    """Return the names that may be those of variables, wherever they stand in a document."""
    return frozenset(_VARIABLE.findall(json.dumps(document, ensure_ascii=False, default=str)))


def _engine_step(common: CommonStep, step: CompiledStep, edges: tuple[Edge, ...]) -> Step:
    return Step(
        id=step.id,
        type=step.type.type,
        name=common.name,
        ends=step.type.ends,
        retry=common.retry.policy() if common.retry else RetryPolicy(),
        on_interrupted=_on_interrupted(common, step),
        edges=edges,
    )


def _on_interrupted(common: CommonStep, step: CompiledStep) -> OnInterrupted:
    """Return what the engine does with a step that a crash met; some ask by themselves."""
    asks_itself = step.type.asks_itself and common.onInterrupted is OnInterrupted.ASK
    if step.type.resumable or asks_itself:
        return OnInterrupted.RETRY
    return common.onInterrupted
