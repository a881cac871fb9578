"""call-tool: call a Python function or a tool of an MCP server."""

from functools import cached_property

from pydantic import Field

from engine import JsonObject, scope_with
from steps.contract.step_type import (
    Done,
    GoesOn,
    InvalidAnswer,
    Outcome,
    Problem,
    StepInput,
    StepSettings,
    StepType,
)
from steps.effects.effects import Effects
from steps.language.template import SecretTemplate
from steps.models.answer_files import kept_result
from steps.models.budget_questions import FIRST, BudgetQuestions
from steps.models.budget_questions import accepted as of_budget
from steps.models.spending import LimitReached
from steps.secrets import fetched
from steps.tools.asks import ToolAsks, open_pause, pause_for
from steps.tools.asks import accepted as of_tool


class CallToolSettings(StepSettings):
    """The tool, and its inputs."""

    toolId: str = Field(  # noqa: N815 - the document's word
        min_length=1,
        max_length=200,
        description="the id of the tool; `server.tool` for a tool of an MCP server",
    )
    inputs: dict[str, SecretTemplate] = Field({}, description="the arguments of the tool")

    keepFiles: bool = Field(  # noqa: N815
        False,
        strict=True,
        description="store pictures and files in the result of an MCP server's tool as files, "
        "and replace them by `fileId`",
    )

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The secrets that `inputs` name."""
        return frozenset().union(*(item.secrets for item in self.inputs.values()))

    @cached_property
    def constants(self) -> "JsonObject | None":
        """The arguments, if each of `inputs` is one constant."""
        if all(item.is_constant for item in self.inputs.values()):
            return {name: item.source for name, item in self.inputs.items()}
        return None


class CallTool(StepType[CallToolSettings]):
    """Calls a tool with arguments that are checked first.

    A tool is a Python function or comes from an MCP server; `GET /api/tools` lists the available
    ones. Some [come with the server](../tools.md), others are [made by you](../extending.md). The
    output is the tool's result, which `output` values name as `result`. The tool receives a key
    that is the same for every attempt of the visit, also after a restart. A tool may fail with
    error types of its own.
    """

    type = "call-tool"
    settings = CallToolSettings
    built_in = True
    names = {"toolId": "tool"}
    timeout_ms = 300_000
    errors = {
        "UnknownTool": "there is no tool of this id",
        "InvalidToolInput": "the inputs are not what the tool takes",
        "ToolFailed": "the tool failed without saying more; retried unless an MCP server refuses "
        "the call itself",
        "InvalidToolResult": "what the tool returns is not JSON, or is more than an MCP server "
        "may return",
        "McpUnavailable": "the tool's MCP server is unavailable; retried",
        "SignInNeeded": "nobody is signed in at the tool's MCP server; the message names the page",
        "Timeout": "the tool has not answered in time; retried",
        "FileNotFound": "the tool was given the id of a file that does not exist",
        "StorageUnavailable": "the file storage is unavailable; retried",
        "UnknownSecret": "`inputs` name a secret that does not exist",
        "BudgetReached": "a budget was used up by a model that the tool asks, and a person said to "
        "stop",
    }
    example = {
        "id": "read",
        "type": "call-tool",
        "toolId": "extract-document",
        "inputs": {"fileId": "{{ data.attachment.fileId }}", "maxPages": 20},
        "output": {
            "text": {"type": "string"},
            "pageCount": {"type": "integer", "value": "{{ result.pages | default(1) }}"},
        },
    }

    def acts_now(self, settings: CallToolSettings, effects: Effects) -> bool:
        """Return False for a tool that uses nothing but its arguments."""
        return not effects.is_pure(settings.toolId)

    async def execute(
        self, settings: CallToolSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Render the arguments and call the tool."""
        constants = settings.constants
        arguments = (
            await _rendered(settings, step, effects) if constants is None else constants.copy()
        )
        budget = None
        if step.has_records:
            if effects.recalled(FIRST) is not None:
                budget = BudgetQuestions(step, effects)
                await budget.settle()
            if (asked := open_pause(step, effects, "")) is not None:
                return asked
        try:
            result = await effects.tool(settings.toolId, arguments)
        except LimitReached as reached:
            if not reached.is_budget:
                raise
            return (budget or BudgetQuestions(step, effects)).pause(reached)
        except ToolAsks as asks:
            return await pause_for(step, effects, asks, "")
        if settings.keepFiles:
            result = await kept_result(result, "result", effects)
        return Done(result, {"result": result})

    def accept(
        self, settings: CallToolSettings, step: StepInput, pause: JsonObject, answer: JsonObject
    ) -> GoesOn:
        """Record a person's answer: to the tool's question, or about a budget that was used up."""
        taken = of_budget(pause, answer) or of_tool(pause, answer)
        if taken is None:
            raise InvalidAnswer([Problem("type", f"a {self.type} step takes no answer")])
        return taken


async def _rendered(settings: CallToolSettings, step: StepInput, effects: Effects) -> JsonObject:
    scope = step.scope
    if settings.secrets:
        scope = scope_with(scope, {"secrets": await fetched(settings.secrets, effects)})
    return {
        name: item.source if item.is_constant else await item.rendered(scope)
        for name, item in settings.inputs.items()
    }
