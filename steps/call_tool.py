"""call-tool: call a tool, whatever brings it."""

from pydantic import Field

from steps.contract import Done, Outcome, StepInput, StepSettings, StepType
from steps.effects import Effects
from steps.secrets import secret_scope
from steps.template import SecretTemplate


class CallToolSettings(StepSettings):
    """Which tool, and what it is given."""

    toolId: str = Field(min_length=1, max_length=200)  # noqa: N815 - the page's word
    inputs: dict[str, SecretTemplate] = {}


class CallTool(StepType[CallToolSettings]):
    """Calls a tool with arguments that are checked first."""

    type = "call-tool"
    settings = CallToolSettings
    timeout_ms = 300_000

    def acts_now(self, settings: CallToolSettings, effects: Effects) -> bool:
        """Say no for a tool that touches nothing but its arguments."""
        return not effects.is_pure(settings.toolId)

    async def execute(
        self, settings: CallToolSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Render the arguments and call."""
        scope = {**step.scope, "secrets": await secret_scope([settings.inputs], effects)}
        arguments = {name: item.render(scope) for name, item in settings.inputs.items()}
        result = await effects.tool(settings.toolId, arguments)
        return Done(result, {"result": result})
