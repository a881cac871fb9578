"""Checks what a step delivers: its whole output and its declared fields."""

from collections.abc import Mapping

from engine import Json, JsonObject, scope_with
from steps.contract.step_type import Done, Problem, StepBroke, listed
from steps.document.compiled import CompiledStep
from steps.language.expression import ExpressionError

NO_RESULT: JsonObject = {"success": True}
"""The result of a run whose end does not set one."""


class WrongOutput(StepBroke):
    """A declared field is missing or has the wrong type.

    Attributes:
        problems: What is wrong with each field.
    """

    def __init__(self, step_id: str, problems: list[Problem]) -> None:
        message = f"step {step_id} did not deliver its declared output: {listed(problems)}"
        super().__init__("InvalidOutput", message, retryable=False)
        self.problems = problems


def deliver(step: CompiledStep, done: Done, scope: Mapping[str, Json]) -> tuple[Json, JsonObject]:
    """Return the whole output and the declared fields that are merged into the run's data.

    A field with a `value` template takes its value from the step's raw result; a field without one
    is taken from the output by its name. An optional field that this visit leaves out is null if an
    earlier visit may have delivered it.

    Args:
        step: The step, with its declared fields.
        done: What the step delivered.
        scope: The other names that templates may use.

    Returns:
        The whole output, and the declared fields by name.

    Raises:
        StepBroke: A declared field is missing or has the wrong type.
    """
    data: JsonObject = {}
    names = _names(done, scope)
    for name, template in step.values.items():
        try:
            data[name] = template.render(names)
        except ExpressionError as failed:
            raise _invalid(step, name, failed) from failed
    return checked(step, done, data, scope)


async def deliver_in_turns(
    step: CompiledStep, done: Done, scope: Mapping[str, Json]
) -> tuple[Json, JsonObject]:
    """Do the same as `deliver`, but yield to the event loop if the values take long."""
    data: JsonObject = {}
    names = _names(done, scope)
    for name, template in step.values.items():
        try:
            data[name] = await template.rendered(names)
        except ExpressionError as failed:
            raise _invalid(step, name, failed) from failed
    return checked(step, done, data, scope)


def given(step: CompiledStep, output: Json, scope: Mapping[str, Json]) -> tuple[Json, JsonObject]:
    """Do the same as `deliver` for an output that a person gave in the step's place.

    Args:
        step: The step, with its declared fields.
        output: The given output; it need not have fields that templates compute.
        scope: The names that templates may use.

    Returns:
        The output, and the declared fields by name: the given value, or else that of the template.

    Raises:
        StepBroke: A declared field is missing or has the wrong type.
    """
    named = output if isinstance(output, dict) else {}
    data: JsonObject = {}
    names = scope_with(scope, {"result": output, "response": output})
    for name, template in step.values.items():
        if name not in named:
            try:
                data[name] = template.render(names)
            except ExpressionError as failed:
                raise _invalid(step, name, failed) from failed
    return checked(step, Done(output), data, scope)


def _names(done: Done, scope: Mapping[str, Json]) -> Mapping[str, Json]:
    return scope_with(scope, {"result": done.output, **done.got})


def _invalid(step: CompiledStep, name: str, failed: ExpressionError) -> StepBroke:
    message = f"output field {name} of step {step.id}: {failed}"
    return StepBroke("InvalidOutput", message, retryable=False)


def checked(
    step: CompiledStep, done: Done, values: JsonObject, scope: Mapping[str, Json]
) -> tuple[Json, JsonObject]:
    """Do the same as `deliver`, with the values of the templates already computed.

    Args:
        step: The step, with its declared fields.
        done: What the step delivered.
        values: The values of its templates, by field.
        scope: The names that templates may use.

    Returns:
        The whole output, and the declared fields by name.

    Raises:
        StepBroke: A declared field is missing or has the wrong type.
    """
    taken = done.output if isinstance(done.output, dict) else {}
    if values:
        taken = {**taken, **values}
    given = {}
    for name in step.output.specs:
        if name in taken:
            given[name] = taken[name]
    fields = step.output
    data = fields.with_defaults(given) if fields.has_defaults else given
    if fields.optional:
        earlier = scope.get("steps")
        if isinstance(earlier, dict) and step.id in earlier:
            data |= {name: None for name in fields.optional if name not in data}
    problems = fields.check(data, path="output")
    if problems:
        raise WrongOutput(step.id, problems)
    return done.output, {**done.data, **data} if done.data else data
