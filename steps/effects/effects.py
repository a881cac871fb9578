"""All that a step can do to the world, and the values that go there and come back.

Nothing in `steps/` opens a socket or reads a clock but through `Effects`, which the driver
hands to each attempt: live in service; other implementations answer from a journal, mock, or
refuse.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from engine import Json, JsonObject
from engine.value import value
from steps.effects.child_runs import ChildPlan, ChildrenEnded, ChildrenOpen, ChildRun
from steps.effects.http_messages import HttpRequest, HttpResponse
from steps.effects.model_effects import ModelEffects
from steps.effects.outgoing import OutgoingSignal, TokenRequest
from steps.effects.stored_file import ReadFile, StoredFile
from steps.effects.tool_calls import (
    KnowledgeCall,
    SaveFile,
    StoreCall,
    no_knowledge,
    no_storage,
    no_store,
)


@value(frozen=True, slots=True)
class ToolContext:
    """What a tool may ask about the step that calls it.

    Attributes:
        run_id: The run's id.
        step_id: The step's id in its definition.
        attempt: 1 for the first attempt, 2 after one that failed, ...
        idempotency_key: The same for every attempt of this call, also after a restart.
        file: Reads an uploaded file of the run's tenant by its id. Raises `StepBroke` when there
            is none, or the storage is away.
        tenant: Whose run it is; a tool that has few of something shares it out by this.
        save: Keeps a file for the run's tenant.
        store: Calls the tenant's store; each change is made once for each idempotency key.
        knowledge: Changes and searches the tenant's texts.
        answers: What people have answered to this call (see `ToolAsks`), the oldest first.
    """

    run_id: str
    step_id: str
    attempt: int
    idempotency_key: str
    file: ReadFile
    tenant: str = ""
    save: SaveFile = no_storage
    store: Callable[[StoreCall], Awaitable[Json]] = no_store
    knowledge: Callable[[KnowledgeCall], Awaitable[Json]] = no_knowledge
    answers: Sequence[JsonObject] = ()


@value(frozen=True, slots=True)
class ToolInfo:
    """A tool as it is listed.

    Attributes:
        id: What definitions and agents call it.
        description: What it is for.
        input_schema: The JSON Schema of its arguments.
        fields: Of a workflow, the fields that its payload declares; a start refuses others.
    """

    id: str
    description: str
    input_schema: JsonObject
    fields: "Mapping[str, JsonObject] | None" = None


class Effects(ModelEffects, Protocol):
    """What one attempt of a step may do.

    Each method that is awaited may take long, and raises `StepBroke` when it fails.
    """

    def now_ms(self) -> int:
        """Return the wall clock's time.

        Returns:
            Unix milliseconds.
        """
        ...

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Send an HTTP request, once.

        Args:
            request: What is sent.

        Returns:
            The answer, whatever its status is.

        Raises:
            ResponseUnreadable: An answer came, and its body cannot be taken.
            StepBroke: The address may not be reached, or no answer arrives.
        """
        ...

    async def download(
        self, request: HttpRequest, name: str, keeps: Callable[[int], bool]
    ) -> HttpResponse:
        """Send an HTTP request, once, and keep the body of a good answer as a file.

        The body goes to the storage as it comes, and is at no time in memory as a whole.

        Args:
            request: What is sent.
            name: What the file is called; never a path.
            keeps: Says of a status whether the answer is good.

        Returns:
            The answer; a good one with its `file`, another one with its content.

        Raises:
            ResponseUnreadable: An answer came, and its body cannot be taken.
            StepBroke: The address may not be reached, no answer arrives, or the storage is away.
        """
        ...

    async def token(self, request: TokenRequest, refused: str | None = None) -> str:
        """Return an OAuth token, fetched or kept in memory.

        Args:
            request: What it is asked for with.
            refused: A token that a server has refused, so that another is fetched.

        Returns:
            The token, which is masked in whatever the step gives back.

        Raises:
            StepBroke: None is given.
        """
        ...

    async def file(self, file_id: str) -> StoredFile:
        """Read an uploaded file of this run's tenant.

        Args:
            file_id: The file's id.

        Returns:
            The file with its bytes.

        Raises:
            StepBroke: There is no such file, or the storage is away.
        """
        ...

    async def save_file(self, name: str, media_type: str, content: bytes, call: str = "") -> str:
        """Keep a file for this run's tenant.

        Args:
            name: What it is called; never a path.
            media_type: Such as `image/png`.
            content: Its bytes.
            call: Tells several of one visit apart: the same file has the same id each time.

        Returns:
            The file's id; it is durable.

        Raises:
            StepBroke: The storage is away.
        """
        ...

    async def secret(self, name: str) -> str:
        """Return a secret of this run's tenant.

        Args:
            name: The secret's name.

        Returns:
            Its value, which is masked in whatever the step gives back.

        Raises:
            StepBroke: There is no secret of this name.
        """
        ...

    async def tool(self, tool_id: str, arguments: JsonObject, call: str = "") -> Json:
        """Call a tool.

        Args:
            tool_id: The tool's id; `server.tool` for a tool of an MCP server.
            arguments: What it is given, checked against its parameters.
            call: Tells several calls of one step apart: each has an idempotency key of its own.

        Returns:
            Its result as JSON.

        Raises:
            StepBroke: There is no such tool, it cannot take the arguments, or it failed.
        """
        ...

    def is_pure(self, tool_id: str) -> bool:
        """Say whether a tool touches nothing but its arguments.

        Args:
            tool_id: The tool's id.

        Returns:
            True for a known tool that is marked as pure.
        """
        ...

    async def tools(self) -> Sequence[ToolInfo]:
        """List the tools that may be called.

        Returns:
            The tools by id, with what they take.
        """
        ...

    async def workflow_as_tool(self, workflow_id: str) -> ToolInfo:
        """Describe a workflow that is marked as a tool.

        Args:
            workflow_id: The workflow's id.

        Returns:
            The workflow as a tool.

        Raises:
            StepBroke: There is no such workflow, it is archived, or not marked as a tool.
        """
        ...

    async def record(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Return a record of this visit; do the work and journal its result where there is none.

        The record is durable when this returns, so that finished work is never repeated.

        Args:
            name: The record's name, the same each time the step is executed.
            work: What is done once; only this may act on the world.

        Returns:
            The result as the journal keeps it: tuples are lists there, and keys are texts.

        Raises:
            StepBroke: The work raised it, or its result is no JSON. Nothing is recorded then.
        """
        ...

    def recalled(self, name: str) -> Json:
        """Return a record of this visit without doing any work.

        Args:
            name: The record's name.

        Returns:
            The recorded value, None where there is no record.
        """
        ...

    async def visit_records(self, run_id: str, step_id: str, visit: int) -> Mapping[str, Json]:
        """Return what another visit, of a run of this tenant, has recorded.

        Args:
            run_id: The run.
            step_id: Its step.
            visit: Which time it was in it, from 1.

        Returns:
            The values by their names, oldest first.

        Raises:
            StepBroke: There is no such run or visit.
        """
        ...

    async def send_signal(self, signal: OutgoingSignal) -> None:
        """Send a signal, once in a visit: kept on disk with the record that it has been sent.

        Args:
            signal: What is sent.

        Raises:
            StepBroke: As many signals wait for runs as may.
        """
        ...

    def callback_key(self, step_id: str) -> str:
        """Name the newest visit of a step, for the signal that its own address sends.

        Args:
            step_id: A step of this run.

        Returns:
            The key of the signal `callback`, empty where the run has not entered the step.
        """
        ...

    def callback_url(self) -> str:
        """Return the address of this visit of the step, which nobody can guess.

        Returns:
            Where JSON may be sent by POST, which a `wait-for-signal` step takes.
        """
        ...

    async def children(self, plan: ChildPlan) -> ChildrenEnded | ChildrenOpen:
        """Start what is due of a plan, and say how its child runs stand.

        Args:
            plan: The child runs that the step wants; the same each time it is executed.

        Returns:
            `ChildrenEnded` when all have ended or one has failed and ends the plan; else
            `ChildrenOpen`, and the step returns `AwaitsChildren`.

        Raises:
            StepBroke: A child run cannot be started.
        """
        ...

    async def start_apart(self, child: ChildRun, number: int) -> str:
        """Start a run for which the step does not wait, once in a visit.

        Args:
            child: The run; no body of the step.
            number: Which of the visit it is; the same run each time the step is executed.

        Returns:
            The id of the run, which is durable.

        Raises:
            StepBroke: It cannot be started.
        """
        ...
