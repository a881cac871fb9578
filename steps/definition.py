"""From a JSON document to a definition that can be run, or to all of its problems."""

from typing import Any

from pydantic import ValidationError

from engine import Edge, Graph, Json, Occasion, OnInterrupted, RetryPolicy, Step
from steps.compiled import CompiledStep, Definition
from steps.contract import Problem
from steps.document import CommonStep, EdgeDocument, Retry, WorkflowDocument
from steps.expression import ExpressionError, condition
from steps.fields import Fields, spec_problems
from steps.nearest import did_you_mean
from steps.problems import InvalidDefinition, keys_of, problems_of
from steps.reachability import reachability_problems
from steps.registry import Registry
from steps.template import Template


def compile_definition(document: Json, registry: Registry) -> Definition:
    """Check and compile a document. Raises `InvalidDefinition` with all its problems."""
    if not isinstance(document, dict):
        raise InvalidDefinition([Problem("", "a definition must be a JSON object")])
    try:
        whole = WorkflowDocument.model_validate(document)
    except ValidationError as invalid:
        found = problems_of(invalid, keys_of(WorkflowDocument))
        steps = document.get("steps")
        if isinstance(steps, list):
            found += _Compiler(registry).steps(steps)[1]
        raise InvalidDefinition(found) from invalid
    return _Compiler(registry).whole(document, whole)


class _Compiler:
    """Compiles one document, gathering problems on the way."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def whole(self, document: dict[str, Json], whole: WorkflowDocument) -> Definition:
        compiled, problems = self.steps(whole.steps)
        problems += spec_problems(whole.payload, "payload", outputs=False)
        problems += _edge_problems(whole, compiled)
        edges: dict[str, list[Edge]] = {}
        for index, edge in enumerate(whole.edges):
            try:
                holds = condition(edge.condition) if edge.condition is not None else None
            except ExpressionError as wrong:
                problems.append(Problem(f"edges[{index}].condition", str(wrong)))
                continue
            way = Edge(edge.target, Occasion(edge.on), holds, edge.condition)
            edges.setdefault(edge.source, []).append(way)
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
        known = keys_of(CommonStep, kind.settings)
        found: list[Problem] = []
        own = {key: item for key, item in document.items() if key not in CommonStep.model_fields}
        common = settings = None
        try:
            shared = {k: v for k, v in document.items() if k in CommonStep.model_fields}
            common = CommonStep.model_validate(shared)
        except ValidationError as invalid:
            found += problems_of(invalid, known, path)
        try:
            settings = kind.settings.model_validate(own)
        except ValidationError as invalid:
            found += problems_of(invalid, known, path)
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
        step = CompiledStep(common.id, kind, settings, Fields(output), values, timeout_ms)
        return common, step


def _engine_step(common: CommonStep, step: CompiledStep, edges: tuple[Edge, ...]) -> Step:
    return Step(
        id=step.id,
        type=step.type.type,
        name=common.name,
        ends=step.type.ends,
        retry=_policy(common.retry),
        on_interrupted=common.onInterrupted if not step.type.resumable else OnInterrupted.RETRY,
        edges=edges,
    )


def _policy(retry: Retry | None) -> RetryPolicy:
    if retry is None:
        return RetryPolicy()
    return RetryPolicy(
        retry.maxAttempts,
        retry.initialInterval,
        retry.backoffCoefficient,
        retry.maximumInterval,
        frozenset(retry.nonRetryableErrors),
    )


def _edge_problems(
    whole: WorkflowDocument, compiled: dict[str, tuple[CommonStep, CompiledStep]]
) -> list[Problem]:
    places = {str(step.get("id")): index for index, step in reversed(list(enumerate(whole.steps)))}
    problems: list[Problem] = []
    if whole.initialStep not in places:
        hint = did_you_mean(whole.initialStep, places)
        problems.append(Problem("initialStep", f"there is no step {whole.initialStep}{hint}"))
    defaults: dict[tuple[str, str], int] = {}
    for index, edge in enumerate(whole.edges):
        problems += _one_edge(index, edge, places, compiled, defaults)
    if problems or len(compiled) < len(places):
        return problems
    problems += _deadline_problems(whole, compiled, places)
    ends = {step_id for step_id, (_, step) in compiled.items() if step.type.ends}
    ways = [(edge.source, edge.target) for edge in whole.edges]
    return problems + reachability_problems(whole.initialStep, places, ends, ways)


def _one_edge(
    index: int,
    edge: EdgeDocument,
    places: dict[str, int],
    compiled: dict[str, tuple[CommonStep, CompiledStep]],
    defaults: dict[tuple[str, str], int],
) -> list[Problem]:
    path = f"edges[{index}]"
    problems = [
        Problem(f"{path}.{key}", f"there is no step {name}{did_you_mean(name, places)}")
        for key, name in (("from", edge.source), ("to", edge.target))
        if name not in places
    ]
    step = compiled.get(edge.source)
    if step and step[1].type.ends:
        problems.append(Problem(f"{path}.from", f"step {edge.source} ends the run"))
    if (before := defaults.get((edge.source, edge.on))) is not None:
        message = (
            f"is never taken: edges[{before}] from {edge.source} has no condition; put it last"
        )
        problems.append(Problem(path, message))
    if edge.condition is None:
        defaults.setdefault((edge.source, edge.on), index)
    return problems


def _deadline_problems(
    whole: WorkflowDocument,
    compiled: dict[str, tuple[CommonStep, CompiledStep]],
    places: dict[str, int],
) -> list[Problem]:
    """A deadline and an `on: "timeout"` edge need each other."""
    with_edge = {edge.source: i for i, edge in enumerate(whole.edges) if edge.on == "timeout"}
    problems = []
    for step_id, (_, step) in compiled.items():
        has_deadline = getattr(step.settings, "deadline", None) is not None
        if has_deadline and step_id not in with_edge:
            message = 'a deadline needs an edge with "on": "timeout" that says what happens then'
            problems.append(Problem(f"steps[{places[step_id]}].deadline", message))
        if step_id in with_edge and not has_deadline:
            message = f"step {step_id} has no deadline, so it never times out; set one"
            problems.append(Problem(f"edges[{with_edge[step_id]}].on", message))
    return problems
