"""What a step type is: settings that are checked when a definition is saved, and one call.

A step type knows its settings and the world through `Effects`; it knows neither the journal
nor HTTP requests nor the run's history. It says what happened by returning one `Outcome`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from engine import Json, JsonObject, StepError


class StepSettings(BaseModel):
    """Base of the settings of a step type: the fields of a step beyond the common ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


S = TypeVar("S", bound=StepSettings)
SettingsClass: TypeAlias = type[StepSettings]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document: where (`steps[2].url`) and how to mend it."""

    path: str
    message: str


class InvalidAnswer(Exception):
    """A person's answer does not fit the pause; the run stays paused."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.path}: {p.message}" for p in self.problems))


class StepBroke(Exception):
    """Raised by a step to say that this attempt failed, and how."""

    def __init__(
        self,
        type: str,  # noqa: A002 - the word that the journal and the page use
        message: str,
        *,
        retryable: bool = True,
        retry_after_ms: int | None = None,
    ) -> None:
        self.error = StepError(type, message, retryable, retry_after_ms)
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Done:
    """The step delivered `output`; `got` is what output expressions may name beside it.

    For example `{"response": {...}}` of call-api or `{"result": ...}` of call-tool.
    """

    output: Json
    got: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NeedsAnswer:
    """The step waits for a person until `deadline_ms` (Unix milliseconds), if that is set.

    Attributes:
        signal: `collect_inputs` or `request_user_action`.
        body: What the person needs to answer, shown in `pauseSignal` beside `type`.
    """

    signal: str
    body: JsonObject
    deadline_ms: int | None = None


@dataclass(frozen=True, slots=True)
class NeedsTime:
    """The step completes by itself at `until_ms` (Unix milliseconds)."""

    until_ms: int


Outcome: TypeAlias = Done | NeedsAnswer | NeedsTime


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to the outside, complete but for what the live client adds itself.

    Attributes:
        files: Parts of a multipart body: (field, file name, bytes, media type).
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


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may ask about the step that calls it."""

    run_id: str
    step_id: str
    attempt: int
    idempotency_key: str


class Effects(Protocol):
    """All that a step can do to the world, or ask of it.

    The driver hands one to each step: live in service; other implementations answer from a
    journal, mock, or refuse.
    """

    def now_ms(self) -> int:
        """Give the wall clock's time in Unix milliseconds."""
        ...

    async def http(self, request: HttpRequest) -> HttpResponse:
        """Send a request. Raises `StepBroke` when no response arrives or it is refused."""
        ...

    async def tool(self, tool_id: str, arguments: JsonObject, context: ToolContext) -> Json:
        """Call a registered tool. Raises `StepBroke`."""
        ...

    async def file(self, file_id: str) -> StoredFile:
        """Read an uploaded file of this run's tenant. Raises `StepBroke`."""
        ...


@dataclass(frozen=True, slots=True)
class StepInput:
    """What one attempt is given.

    Attributes:
        scope: What expressions may name: `data`, `steps`, `context`, `run`, `error`.
        idempotency_key: The same for every attempt of this visit, also after a restart.
        visit: 1 the first time the run enters the step, 2 the second, ...
        output: The declared output fields of the step.
    """

    run_id: str
    step_id: str
    visit: int
    attempt: int
    idempotency_key: str
    scope: Mapping[str, Json]
    output: Mapping[str, JsonObject] = field(default_factory=dict)


class StepType(ABC, Generic[S]):
    """One kind of step. Subclass it, name it, and offer it by entry point `stepwell.steps`.

    Attributes:
        type: The word that definitions use, such as `call-api`.
        settings: The pydantic model of the fields that are its own.
        acts: True when `execute` touches the world; its start is then durable first.
        ends: True when the run ends with it.
        timeout_ms: How long one attempt may take when the step does not say; None: no limit.
    """

    type: ClassVar[str]
    settings: ClassVar[SettingsClass]
    acts: ClassVar[bool] = True
    ends: ClassVar[bool] = False
    timeout_ms: ClassVar[int | None] = None

    def check(self, settings: S, output: Mapping[str, JsonObject]) -> Iterator[Problem]:
        """Find what the model cannot: paths are relative to the step."""
        return iter(())

    @abstractmethod
    async def execute(self, settings: S, step: StepInput, effects: Effects) -> Outcome:
        """Do the step's work once. Raises `StepBroke` when this attempt failed."""

    def accept(self, settings: S, step: StepInput, signal: JsonObject, answer: JsonObject) -> Json:
        """Turn a person's answer to this step's pause into the step's output.

        `signal` is the `body` the step paused with; `answer` is the resume request, with
        `answeredBy` and `answeredAt` added. Raises `InvalidAnswer`.
        """
        raise InvalidAnswer([Problem("type", f"a {self.type} step takes no answer")])


AnyStepType: TypeAlias = StepType[Any]
