"""All that a step can do to the world, and the values that go there and come back.

Nothing in `steps/` opens a socket or reads a clock but through `Effects`, which the driver
hands to each attempt: live in service; other implementations answer from a journal, mock, or
refuse.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from engine import Json, JsonObject, Pause, RunError
from steps.chat import ChatAnswer, ChatRequest


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to the outside, complete but for what the live client adds itself.

    Attributes:
        files: Parts of a multipart body: (field, file name, bytes, media type).
        confidential: It carries a secret or a credential, so that it must not be redirected
            to another origin.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Sequence[tuple[str, str]] = ()
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    files: Sequence[tuple[str, str, bytes, str]] = ()
    follow_redirects: bool = True
    max_response_bytes: int = 1_000_000
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back: status, headers with lower-case names, decoded body bytes."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was uploaded to this tenant, with its bytes."""

    file_id: str
    name: str
    media_type: str
    content: bytes


ReadFile: TypeAlias = Callable[[str], Awaitable[StoredFile]]
"""Reads a file of one tenant by its id. Raises `StepBroke` when there is none."""


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may ask about the step that calls it.

    Attributes:
        idempotency_key: The same for every attempt of this call, also after a restart.
        file: Reads an uploaded file of the run's tenant. Raises `StepBroke`.
    """

    run_id: str
    step_id: str
    attempt: int
    idempotency_key: str
    file: ReadFile


@dataclass(frozen=True, slots=True)
class ToolInfo:
    """A tool as it is listed: its id, what it is for, the JSON Schema of its arguments."""

    id: str
    description: str
    input_schema: JsonObject


@dataclass(frozen=True, slots=True)
class Agent:
    """A version of a stored agent, as call-agent uses it.

    Attributes:
        version: The version that a selector chose, so that a run can stay with it.
        definition: The document as it was saved and checked.
    """

    id: str
    version: str
    definition: JsonObject


@dataclass(frozen=True, slots=True)
class ChildRun:
    """A run that a step wants started: which workflow, which version, with what data.

    Attributes:
        refused: Why the data could not be made; the run then exists only to say so.
    """

    workflow_id: str
    version: str | None
    data: JsonObject
    refused: RunError | None = None


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """Child runs that a step wants, numbered `first` to `first + total - 1`.

    Attributes:
        child: Gives one of them by its number; the same every time it is asked.
        concurrency: How many may be open at once.
        keep_going: Whether the others go on when one has failed.
    """

    first: int
    total: int
    child: Callable[[int], ChildRun]
    concurrency: int = 1
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How one child run ended; `error` is None when it completed."""

    run_id: str
    data: JsonObject
    result: Json
    error: RunError | None = None


@dataclass(frozen=True, slots=True)
class ChildrenEnded:
    """Every child run of a plan has ended, or the first failure has ended the rest."""

    ends: Sequence[ChildEnd]


@dataclass(frozen=True, slots=True)
class ChildrenOpen:
    """Child runs of a plan are open.

    Attributes:
        total: How many the visit has wanted so far.
        pause: What people are asked for, when all that are open wait for them.
    """

    total: int
    pause: Pause | None = None


class Effects(Protocol):
    """What one attempt of a step may do."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds."""
        ...

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Send a request. Raises `StepBroke` when no response arrives or it is refused."""
        ...

    async def file(self, file_id: str) -> StoredFile:
        """Read an uploaded file of this run's tenant. Raises `StepBroke`."""
        ...

    async def secret(self, name: str) -> str:
        """Return a secret of this run's tenant. Raises `StepBroke` when there is none."""
        ...

    async def tool(self, tool_id: str, arguments: JsonObject, call: str = "") -> Json:
        """Call a tool; `call` tells several calls of one step apart. Raises `StepBroke`."""
        ...

    def is_pure(self, tool_id: str) -> bool:
        """Say whether a tool touches nothing but its arguments."""
        ...

    async def tools(self) -> Sequence[ToolInfo]:
        """List the tools that may be called."""
        ...

    async def chat(self, request: ChatRequest) -> ChatAnswer:
        """Ask a model once. Raises `StepBroke` when no usable answer comes."""
        ...

    async def agent(self, agent_id: str, version: str | None) -> Agent:
        """Return a version of a stored agent. Raises `StepBroke` when there is none."""
        ...

    async def workflow_as_tool(self, workflow_id: str) -> ToolInfo:
        """Describe a workflow that is marked as a tool. Raises `StepBroke`."""
        ...

    async def record(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Return the journaled record `name` of this visit; do the work where there is none.

        The record is durable when this returns, so that finished work is never repeated.
        """
        ...

    def recalled(self, name: str) -> Json:
        """Return the journaled record `name` of this visit, None where there is none."""
        ...

    async def children(self, plan: ChildPlan) -> ChildrenEnded | ChildrenOpen:
        """Start what is due of a plan, and say how its child runs stand."""
        ...
