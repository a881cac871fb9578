"""What a step delivers: its whole output, and its declared fields, checked."""

from collections.abc import Mapping

from engine import Json, JsonObject
from steps.compiled import CompiledStep
from steps.contract import Done, StepBroke, listed
from steps.expression import ExpressionError


def deliver(step: CompiledStep, done: Done, scope: Mapping[str, Json]) -> tuple[Json, JsonObject]:
    """Return the whole output and the declared fields that are merged into the run's data.

    A field with a `value` template takes it from what the step got; one without is taken
    from the output by its name.

    Args:
        step: The step, with its declared fields.
        done: What it delivered.
        scope: What templates may name beside that.

    Returns:
        The whole output, and the declared fields by name.

    Raises:
        StepBroke: A declared field is missing or has the wrong type.
    """
    data: JsonObject = {}
    inside = done.output if isinstance(done.output, dict) else {}
    names = {**scope, "result": done.output, **done.got}
    for name in step.output.specs:
        if template := step.values.get(name):
            try:
                data[name] = template.render(names)
            except ExpressionError as failed:
                message = f"output field {name} of step {step.id}: {failed}"
                raise StepBroke("InvalidOutput", message, retryable=False) from failed
        elif name in inside:
            data[name] = inside[name]
    data = step.output.with_defaults(data)
    problems = step.output.check(data, path="output")
    if problems:
        message = f"step {step.id} did not deliver its declared output: {listed(problems)}"
        raise StepBroke("InvalidOutput", message, retryable=False)
    return done.output, data
