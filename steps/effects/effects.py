"""The interface through which a step acts on the outside world.

Code in `steps/` opens sockets and reads clocks only through `Effects`, which the driver passes to
each attempt. The server uses live effects; other implementations replay a journal, simulate, or
refuse.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from engine import Json, JsonObject
from engine.value import value
from steps.effects.child_runs import ChildPlan, ChildrenEnded, ChildrenOpen, ChildRun
from steps.effects.http_messages import FileNaming, HttpRequest, HttpResponse
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
    """What a tool may know about the step that calls it.

    Attributes:
        run_id: The run's id.
        step_id: The step's id in its definition.
        attempt: 1 for the first attempt, 2 after one that failed, ...
        idempotency_key: The same for every attempt of this call, also after a restart.
        file: Reads an uploaded file of the run's tenant by its id. Raises `StepBroke` when there is
            none, or the storage is unavailable.
        tenant: The run's tenant; a tool with a limited resource shares it fairly between tenants.
        save: Keeps a file for the run's tenant.
        store: Calls the tenant's store; each change is made once for each idempotency key.
        knowledge: Changes and searches the tenant's texts.
        answers: What people have answered to this call (see `ToolAsks`), oldest first.
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
    """The description of a tool in a list.

    Attributes:
        id: The id that definitions and agents use.
        description: What it is for.
        input_schema: The JSON Schema of its arguments.
        fields: For a workflow, the fields that its payload declares; a start refuses others.
    """

    id: str
    description: str
    input_schema: JsonObject
    fields: "Mapping[str, JsonObject] | None" = None


class Effects(ModelEffects, Protocol):
    """What one attempt of a step may do.

    Each awaited method may take long, and raises `StepBroke` when it fails.
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
            request: The request.

        Returns:
            The response, whatever its status is.

        Raises:
            ResponseUnreadable: A response came, but its body cannot be read.
            StepBroke: The address is not allowed, or no response arrives.
        """
        ...

    async def download(
        self, request: HttpRequest, name: FileNaming, keeps: Callable[[int], bool]
    ) -> HttpResponse:
        """Send an HTTP request, once, and store the body of a good response as a file.

        The body is streamed to the storage and is never in memory as a whole.

        Args:
            request: The request.
            name: Returns the file's name, never a path, for a good response.
            keeps: Returns whether a status means a good response.

        Returns:
            The response; a good one with its `file`, any other with its content.

        Raises:
            ResponseUnreadable: A response came, but its body cannot be read.
            StepBroke: The address is not allowed, no response arrives, or the storage is
                unavailable.
        """
        ...

    async def token(self, request: TokenRequest, refused: str | None = None) -> str:
        """Return an OAuth token, fetched or cached in memory.

        Args:
            request: The token request.
            refused: A token that a server has refused, so that a new one is fetched.

        Returns:
            The token, which is masked in everything that the step returns.

        Raises:
            StepBroke: The server gives no token.
        """
        ...

    async def file(self, file_id: str) -> StoredFile:
        """Read an uploaded file of this run's tenant.

        Args:
            file_id: The file's id.

        Returns:
            The file with its bytes.

        Raises:
            StepBroke: There is no such file, or the storage is unavailable.
        """
        ...

    async def save_file(self, name: str, media_type: str, content: bytes, call: str = "") -> str:
        """Store a file for this run's tenant.

        Args:
            name: Its file name; never a path.
            media_type: Such as `image/png`.
            content: Its bytes.
            call: Identifies the file within the visit: the same `call` gives the same id each time.

        Returns:
            The file's id; the file is durable.

        Raises:
            StepBroke: The storage is unavailable.
        """
        ...

    async def secret(self, name: str) -> str:
        """Return a secret of this run's tenant.

        Args:
            name: The secret's name.

        Returns:
            Its value, which is masked in everything that the step returns.

        Raises:
            StepBroke: There is no secret of this name.
        """
        ...

    async def tool(self, tool_id: str, arguments: JsonObject, call: str = "") -> Json:
        """Call a tool.

        Args:
            tool_id: The tool's id; `server.tool` for a tool of an MCP server.
            arguments: The arguments, which are checked against its parameters.
            call: Identifies the call within the step: each has an idempotency key of its own.

        Returns:
            Its result as JSON.

        Raises:
            StepBroke: There is no such tool, it cannot take the arguments, or it failed.
        """
        ...

    def is_pure(self, tool_id: str) -> bool:
        """Return whether a tool uses nothing but its arguments.

        Args:
            tool_id: The tool's id.

        Returns:
            True for a known tool that is marked as pure.
        """
        ...

    async def tools(self) -> Sequence[ToolInfo]:
        """List the tools that may be called.

        Returns:
            The tools by id, with their parameters.
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
        """Return a record of this visit; if there is none, do the work and journal its result.

        The record is durable when this returns, so that finished work is never repeated.

        Args:
            name: The record's name, the same each time the step is executed.
            work: The work that is done once; only this may act on the outside world.

        Returns:
            The result as the journal stores it: tuples become lists, and keys become texts.

        Raises:
            StepBroke: The work raised it, or its result is not JSON. Nothing is recorded then.
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
        """Return the records of another visit, in a run of this tenant.

        Args:
            run_id: The run.
            step_id: Its step.
            visit: The number of the visit, from 1.

        Returns:
            The values by their names, oldest first.

        Raises:
            StepBroke: There is no such run or visit.
        """
        ...

    async def send_signal(self, signal: OutgoingSignal) -> None:
        """Send a signal, once in a visit: it is stored together with the record that it was sent.

        Args:
            signal: The signal.

        Raises:
            StepBroke: The tenant's limit of signals that wait for runs is reached.
        """
        ...

    def callback_key(self, step_id: str) -> str:
        """Return the signal key of the newest visit of a step, for signals to its own address.

        Args:
            step_id: A step of this run.

        Returns:
            The key of the signal `callback`, empty if the run has not entered the step.
        """
        ...

    def callback_url(self) -> str:
        """Return the address of this visit of the step, which cannot be guessed.

        Returns:
            The address that accepts JSON by POST, for a `wait-for-signal` step.
        """
        ...

    async def children(self, plan: ChildPlan) -> ChildrenEnded | ChildrenOpen:
        """Start the child runs of a plan that are due, and return the state of the plan.

        Args:
            plan: The child runs that the step requests; the same each time it is executed.

        Returns:
            `ChildrenEnded` when all have ended or one has failed and ends the plan; otherwise
            `ChildrenOpen`, and the step returns `AwaitsChildren`.

        Raises:
            StepBroke: A child run cannot be started.
        """
        ...

    async def start_detached(self, child: ChildRun, number: int, like: str | None = None) -> str:
        """Start a run for which the step does not wait, once in a visit.

        Args:
            child: The run; it cannot be a body of the step.
            number: Its number in the visit; the same run each time the step is executed.
            like: An earlier run of the visit whose version it uses, if it calls the same workflow.

        Returns:
            The id of the run, which is durable.

        Raises:
            StepBroke: It cannot be started.
        """
        ...
