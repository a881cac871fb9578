"""What a step type is: settings that are checked when a definition is saved, and one call.

A step type knows its settings and the world through `Effects`; it knows neither the journal
nor HTTP requests nor the run's history. It says what happened by returning one `Outcome`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from engine import AwaitsChildren, Json, JsonObject, Pauses, Sleeps, StepError
from steps.effects import Effects


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


def listed(problems: Iterable[Problem]) -> str:
    """Return problems as one line."""
    return "; ".join(f"{problem.path} {problem.message}".strip() for problem in problems)


MOST_PROBLEMS = 50
"""How many problems are told at once."""


def first_of(problems: Sequence[Problem], path: str = "") -> list[Problem]:
    """Return the first problems, and one at `path` that says how many more there are."""
    more = len(problems) - MOST_PROBLEMS
    if more <= 0:
        return list(problems)
    told = f"there are {more} more problems; they are told once these are mended"
    return [*problems[:MOST_PROBLEMS], Problem(path, told)]


class InvalidAnswer(Exception):
    """A person's answer does not fit the pause; the run stays paused."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(first_of(problems))
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


Outcome: TypeAlias = Done | Pauses | Sleeps | AwaitsChildren


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A person's answer is kept as the record `name` of the visit, and the step goes on."""

    name: str
    value: Json


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
        errors: Every error type that it raises itself, and what it means.
        example: A complete step, as a definition would have it.
        acts: True when `execute` touches the world; its start is then durable first.
        resumable: True when a crash never leaves in doubt what it did, so that it always
            goes on and `onInterrupted` has no meaning.
        ends: True when the run ends with it.
        timeout_ms: How long one attempt may take when the step does not say; None: no limit.
    """

    type: ClassVar[str]
    settings: ClassVar[SettingsClass]
    errors: ClassVar[Mapping[str, str]] = {}
    example: ClassVar[JsonObject] = {}
    acts: ClassVar[bool] = True
    resumable: ClassVar[bool] = False
    ends: ClassVar[bool] = False
    timeout_ms: ClassVar[int | None] = None

    def check(self, settings: S, output: Mapping[str, JsonObject]) -> Iterator[Problem]:
        """Find what the model cannot: paths are relative to the step."""
        return iter(())

    def acts_now(self, settings: S, effects: Effects) -> bool:
        """Say whether this step touches the world; else a crash may run it again unseen."""
        return self.acts

    @abstractmethod
    async def execute(self, settings: S, step: StepInput, effects: Effects) -> Outcome:
        """Do the step's work once. Raises `StepBroke` when this attempt failed."""

    def accept(
        self, settings: S, step: StepInput, pause: JsonObject, answer: JsonObject
    ) -> "Json | GoesOn":
        """Turn a person's answer to this step's pause into the step's output.

        Gives `GoesOn` when the step is not done with the answer. `pause` is the `body` the
        step paused with; `answer` is the resume request, with `answeredBy` and `answeredAt`
        added. Raises `InvalidAnswer`.
        """
        raise InvalidAnswer([Problem("type", f"a {self.type} step takes no answer")])


AnyStepType: TypeAlias = StepType[Any]
