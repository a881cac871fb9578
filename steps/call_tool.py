"""call-tool: call a registered Python function."""

from pydantic import Field

from steps.contract import (
    Done,
    Effects,
    Outcome,
    StepInput,
    StepSettings,
    StepType,
    ToolContext,
)
from steps.template import Template


class CallToolSettings(StepSettings):
    """Which tool, and what it is given."""

    toolId: str = Field(min_length=1, max_length=200)  # noqa: N815 - the page's word
    inputs: dict[str, Template] = {}


class CallTool(StepType[CallToolSettings]):
    """Calls a tool with arguments that are checked first."""

    type = "call-tool"
    settings = CallToolSettings
    timeout_ms = 300_000

    async def execute(
        self, settings: CallToolSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Render the arguments and call."""
        arguments = {name: item.render(step.scope) for name, item in settings.inputs.items()}
        context = ToolContext(step.run_id, step.step_id, step.attempt, step.idempotency_key)
        result = await effects.tool(settings.toolId, arguments, context)
        return Done(result, {"result": result})
