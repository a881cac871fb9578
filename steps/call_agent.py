"""call-agent: let a stored agent work in turns until it delivers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import Field

from engine import Json, JsonObject
from steps.agents.agent import AgentDefinition
from steps.agents.guards import VisitGuards
from steps.agents.handoff import Worker, begun, worker_of
from steps.agents.person import answered
from steps.agents.questions import accepted, unanswered
from steps.agents.recorded import RecordedCalls
from steps.agents.records import kept_calls
from steps.agents.thread import Thread
from steps.agents.work import AgentWork, Instructed
from steps.contract.part import Part
from steps.contract.step_type import GoesOn, Outcome, StepInput, StepSettings, StepType
from steps.effects.chat import Message, TextPart
from steps.effects.effects import Effects
from steps.language.template import Template, as_text
from steps.models.attachments import attached
from steps.models.budget_questions import BudgetQuestions
from steps.models.budget_questions import accepted as of_budget
from steps.models.headers import (
    HEADERS,
    TemplateHeaders,
    headers_of_document,
    headers_of_step,
    merged_headers,
)
from steps.models.options import Fallback, Reasoning
from steps.models.output import fields_to_fill
from steps.models.spending import LimitReached
from steps.tools.asks import accepted as of_tool


class RecordedVisit(Part):
    """An earlier visit of an agent."""

    runId: Template = Field(description="the run")  # noqa: N815
    stepId: str | None = Field(  # noqa: N815
        None,
        min_length=1,
        max_length=200,
        description="the step of that run; default: the step with the same id",
    )
    visit: int = Field(1, ge=1, le=1_000_000, description="the number of the visit to that step")


class CallAgentSettings(StepSettings):
    """The agent that works, and its task."""

    agentId: str = Field(  # noqa: N815 - the document's word
        min_length=1, max_length=200, description="the id of the agent"
    )
    version: str | None = Field(
        None,
        max_length=100,
        description="`latest`, `published` or a number; default: the published version, or the "
        "latest if none is published",
    )
    message: Template = Field(description="what the agent is asked to do")
    model: str | None = Field(
        None, min_length=1, max_length=64, description="a model to use instead of the agent's"
    )
    reasoning: Reasoning | None = Field(None, description="used instead of the agent's setting")
    fallback: Fallback = Field([], description="used instead of the agent's setting")
    headers: TemplateHeaders = Field(
        {},
        max_length=20,
        description=f"{HEADERS}; in place of the agent's of that name; `secrets.NAME` is a secret",
    )
    inputs: dict[str, Template] = Field(
        {},
        description="values for the agent: shown to the model, and in scope as `inputs` in "
        "its instructions",
    )
    threadId: Template | None = Field(  # noqa: N815
        None,
        description="the conversation that this step continues: its earlier messages are sent "
        "to the model; only one step at a time may use it",
    )
    recorded: RecordedVisit | None = Field(
        None,
        description="an earlier visit of an agent; its recorded calls answer the calls of this "
        "one, so nothing is called and nobody is asked",
    )
    files: list[Template] = Field(
        [],
        max_length=50,
        description="ids of files, or lists of ids: pictures, PDF and sound are sent unchanged "
        "if the model accepts them, documents as their text; at most 15 MB are sent unchanged",
    )


class CallAgent(StepType[CallAgentSettings]):
    """Lets an agent call tools in turns until it delivers its declared output.

    Each model answer and each tool result is journaled as it arrives, so that after a crash or a
    failed attempt the agent continues from the last one. The agent delivers the fields of its own
    `output`, or those of the step if it has none; without either, the output is its last text, as
    `text`. The agent's version is chosen when the step starts and does not change during the visit.
    """

    type = "call-agent"
    settings = CallAgentSettings
    built_in = True
    asks_itself = True
    names = {"agentId": "agent", "model": "model", "fallback": "model"}
    own_errors = False
    errors = {
        "UnknownAgent": "there is no such agent or version, or it is archived",
        "UnknownTool": "the agent names a tool or a workflow that cannot be called",
        "TooManyTurns": "the agent has not delivered within `limits.maxTurns`",
        "TokenLimit": "the agent has used up `limits.maxTokens`",
        "CostLimit": "the agent has used up `limits.cost`",
        "GuardRefused": "a guard of the agent has refused the message, or what was delivered",
        "GuardFailed": "a workflow that guards the agent has failed; retried",
        "ThreadInUse": "another step works on the thread; retried",
        "BudgetReached": "a budget was used up, and a person said to stop",
        "TimeLimit": "the agent has used up `limits.time`",
        "Refused": "the model refused to answer",
        "ContextTooLong": "the conversation is longer than the model can read",
        "CutOff": "an answer was cut off: raise the agent's `maxTokens`",
        "RateLimited, Overloaded, ConnectionFailed, ModelFailed, InvalidResponse": "as in "
        "call-llm: retried by the step's `retry`, continuing from the last answer",
        "UnknownModel, ModelAuth, ModelRejected, AddressNotAllowed, UnknownSecret": "as in "
        "call-llm: the agent's model cannot be used",
        "InvalidRequest, FileNotFound, UnsupportedFile": "as in call-llm: `files` names something "
        "other than a file that a model can be shown; or `threadId` is not a text, or belongs to "
        "another agent; or there is no visit as `recorded` says",
        "FilesTooLarge": "the files that the model is shown as they are have too many bytes",
        "StorageUnavailable": "the file storage is unavailable; retried",
        "UnsupportedDocument, DocumentUnreadable, DocumentTooLarge, DocumentTimeout": "as in the "
        "tool [extract-document](../tools.md#extract-document), by which documents are read",
        "UnknownWorkflow": "a workflow that the agent has called is not there any more",
        "TooDeep": "the run that the agent wants to start already has 20 ancestor runs",
    }
    example = {
        "id": "research",
        "type": "call-agent",
        "agentId": "researcher",
        "message": "Find out who owns {{ data.company }} and whether they are on a list.",
        "inputs": {"country": "{{ data.country }}"},
        "output": {"owner": {"type": "string"}, "listed": {"type": "boolean"}},
        "retry": {"maxAttempts": 5},
    }

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Refuse a conversation beside the recorded one."""
        if document.get("recorded") is None:
            return self.unused
        return {**self.unused, "threadId": "with `recorded` the recorded conversation is continued"}

    async def execute(
        self, settings: CallAgentSettings, step: StepInput, effects: Effects
    ) -> Outcome:
        """Continue the work from the last record."""
        kept = await effects.record(
            "agent", partial(begun, settings.agentId, settings.version, effects)
        )
        first = worker_of(kept)
        agent = first.agent
        inputs = {name: await item.rendered(step.scope) for name, item in settings.inputs.items()}
        fields = agent.output.specs or fields_to_fill(step.output)
        earlier = await _recorded(settings, step, effects)
        recorded = None if earlier is None else RecordedCalls(earlier)

        async def instructed(worker: Worker) -> Instructed:
            return await _instructed(worker, settings, inputs, step, effects)

        work = AgentWork(first, fields, instructed, step, effects, recorded)
        message = as_text(await settings.message.rendered(step.scope))
        given: JsonObject = {"message": message, "inputs": inputs}
        guards = VisitGuards(agent.name, agent.settings.guards, given, step, effects, earlier)
        if (waits := await guards.before()) is not None:
            return waits
        work.begin_after(guards.children, guards.used)
        asked = message
        if inputs:
            asked += f"\n\nInputs:\n{json.dumps(inputs, ensure_ascii=False, indent=1)}"
        files = await attached(
            settings.files, step.scope, settings.model or agent.settings.model, effects
        )
        user = Message("user", (TextPart(asked), *files))
        budget = BudgetQuestions(step, effects)
        await budget.settle()
        if earlier is None:
            thread = await Thread.begun(settings.threadId, step, first.id, effects)
        else:
            thread = await Thread.recorded(earlier.get("thread"), effects)
        try:
            outcome = await work.until_delivered(thread.earlier, user)
            outcome = await guards.after(outcome, work.children)
            return await thread.added(asked, outcome)
        except LimitReached as reached:
            if not reached.is_budget:
                raise
            return budget.pause(reached)

    def accept(
        self, settings: CallAgentSettings, step: StepInput, pause: JsonObject, answer: JsonObject
    ) -> "Json | GoesOn":
        """Record a person's answer: about calls, a limit, or a call that a crash interrupted.

        Changed arguments must fit the schema of the tool, which the pause shows as `inputSchema`.
        """
        taken = of_budget(pause, answer) or of_tool(pause, answer) or answered(pause, answer)
        return taken or accepted(pause, answer)

    def unanswered(self, settings: CallAgentSettings, pause: JsonObject) -> GoesOn | None:
        """Treat calls that nobody approved in time as rejected."""
        return unanswered(pause)

    def keeps(self, records: Mapping[str, Json]) -> Mapping[str, Json]:
        """Keep turns and calls up to the last useful answer."""
        return kept_calls(records)


async def _instructed(
    worker: Worker,
    settings: CallAgentSettings,
    inputs: JsonObject,
    step: StepInput,
    effects: Effects,
) -> Instructed:
    """Return the agent's instructions and request settings."""
    agent = _with_options(worker.agent, settings)
    instructions = await agent.settings.instructions.rendered({**step.scope, "inputs": inputs})
    own = await headers_of_document(agent.settings.headers, effects)
    of_step = await headers_of_step(settings.headers, step.scope, effects)
    return Instructed(agent.settings, as_text(instructions), merged_headers(of_step, own))


async def _recorded(
    settings: CallAgentSettings, step: StepInput, effects: Effects
) -> Mapping[str, Json] | None:
    """Return the records of the visit that answers the calls; None if calls are made."""
    named = settings.recorded
    if named is None:
        return None
    run_id = as_text(await named.runId.rendered(step.scope))
    return await effects.visit_records(run_id, named.stepId or step.step_id, named.visit)


def _with_options(agent: AgentDefinition, settings: CallAgentSettings) -> AgentDefinition:
    """Return the agent with the step's settings in place of its own."""
    given = {name: getattr(settings, name) for name in ("model", "reasoning", "fallback")}
    own = {name: value for name, value in given.items() if value not in (None, [])}
    return replace(agent, settings=agent.settings.model_copy(update=own)) if own else agent
