"""A step type: settings that are checked when a definition is saved, and one call.

A step type knows its settings, and the outside world through `Effects`. It knows neither the
journal nor HTTP requests nor the run's history. It reports what happened by returning one
`Outcome`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import ConfigDict

from engine import AwaitsChildren, Json, JsonObject, OnInterrupted, Pauses, Sleeps, StepError
from engine.value import value
from steps.contract.keeps_asking import KeepsAsking
from steps.contract.part import Part
from steps.effects.effects import Effects
from steps.effects.http_messages import HttpResponse


class StepSettings(Part):
    """Base of the settings of a step type: the fields of a step beyond the common ones."""

    model_config = ConfigDict(populate_by_name=True)


S = TypeVar("S", bound=StepSettings)
SettingsClass: TypeAlias = type[StepSettings]


@value(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document.

    Attributes:
        path: Where it is, such as `steps[2].url`.
        message: What is wrong and how to fix it.
    """

    path: str
    message: str

    def __str__(self) -> str:
        """Return it as one line; a problem of the whole document has no path."""
        return f"{self.path}: {self.message}" if self.path else self.message


def listed(problems: Iterable[Problem]) -> str:
    """Return path and message of each problem as one line, with semicolons between them."""
    return "; ".join(f"{problem.path} {problem.message}".strip() for problem in problems)


MOST_PROBLEMS = 50
"""The most problems that are reported at once."""


def first_of(problems: Sequence[Problem]) -> list[Problem]:
    """Return the first problems, and one without a path that says how many more there are."""
    more = len(problems) - MOST_PROBLEMS
    if more <= 0:
        return list(problems)
    message = f"there are {more} more problems; they are reported once these are fixed"
    return [*problems[:MOST_PROBLEMS], Problem("", message)]


class InvalidAnswer(Exception):
    """A person's answer does not fit the pause; the run stays paused.

    Attributes:
        problems: What is wrong; each path names a key of the answer.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take what is wrong.

        Args:
            problems: At least one.
        """
        self.problems = tuple(first_of(problems))
        super().__init__("; ".join(map(str, self.problems)))


class StepBroke(Exception):
    """Raised by a step to say that this attempt failed, and how.

    Attributes:
        error: The error that is journaled.
    """

    def __init__(
        self,
        type: str,  # noqa: A002 - the word that the journal uses
        message: str,
        *,
        retryable: bool = True,
        retry_after_ms: int | None = None,
    ) -> None:
        """Create the failure of an attempt.

        Args:
            type: A stable word for it, such as `HttpStatus`, which retries and edges name.
            message: What happened and how to fix it, for people; free of secrets.
            retryable: False when another attempt cannot help.
            retry_after_ms: The least wait before the next attempt, in milliseconds.
        """
        self.error = StepError(type, message, retryable, retry_after_ms)
        super().__init__(message)


class ResponseUnreadable(StepBroke):
    """A response came whose body could not be read; `response` holds what was read."""

    def __init__(
        self,
        kind: str,
        message: str,
        response: HttpResponse,
        *,
        retryable: bool = False,
    ) -> None:
        super().__init__(kind, message, retryable=retryable)
        self.response = response


@value(frozen=True, slots=True)
class Done:
    """The step is done.

    Attributes:
        output: The result of the step, a JSON value.
        got: The names that `value` templates of the declared output may use beside `result`, such
            as `{"response": {...}}` for call-api.
        data: What is added to the run's data beside the declared output.
        appended: The items appended to lists in the run's data, one list for each name.
        removed: The names removed from the run's data first.
    """

    output: Json
    got: Mapping[str, Json] = field(default_factory=dict)
    data: Mapping[str, Json] = field(default_factory=dict)
    appended: Mapping[str, list[Json]] = field(default_factory=dict)
    removed: Sequence[str] = ()


Outcome: TypeAlias = Done | Pauses | Sleeps | AwaitsChildren


@value(frozen=True, slots=True)
class GoesOn:
    """A person's answer is kept as a record of the visit, and the step is executed again.

    Attributes:
        name: The name of the record, unique for each answer of a visit: an existing record is not
            changed.
        value: The JSON value that `effects.recalled(name)` then returns.
    """

    name: str
    value: Json


@value(frozen=True, slots=True)
class StepInput:
    """The input of one attempt.

    Attributes:
        run_id: The run's id.
        step_id: The step's id in its definition.
        visit: 1 the first time the run enters the step, 2 the second, ...
        attempt: 1 for the first attempt of the visit, 2 after one that failed, ...
        idempotency_key: The same for every attempt of this visit, also after a restart.
        scope: The names that expressions may use: `data`, `steps`, `context`, `run`, `error`.
        output: The specs of the step's declared output fields, by name.
        on_interrupted: What the definition wants when a crash leaves in doubt what was done.
        has_records: False if the visit has no records yet, so that `recalled` finds none.
    """

    run_id: str
    step_id: str
    visit: int
    attempt: int
    idempotency_key: str
    scope: Mapping[str, Json]
    output: Mapping[str, JsonObject] = field(default_factory=dict)
    on_interrupted: OnInterrupted = OnInterrupted.RETRY
    has_records: bool = True


BODY_KEYS = ("steps", "edges", "initialStep", "timeout", "onError", "finally", "concurrency")
"""The keys of a body inside a step."""

ITEM = "item"
"""The body name of the steps that each item goes through: `each/item`."""

UNUSED_OF_A_PAUSE: Mapping[str, str] = {
    "timeout": "nothing of it runs while it waits; set a `deadline`, which leads out by "
    'an edge with `"on": "timeout"`',
    "retry": "what is waited for is not tried again",
    "onInterrupted": "it touches nothing, so it always continues after a restart",
}
"""Keys of every step that have no effect on a step that waits for a person or a signal."""


class StepType(ABC, Generic[S]):
    """One kind of step. Subclass it, name it, and offer it by entry point `stepwell.steps`.

    Attributes:
        type: The word that definitions use, such as `call-api`.
        settings: The pydantic model of its own fields.
        errors: Every error type that it raises itself, with its meaning.
        example: A complete step, as a definition would contain it.
        acts: True when `execute` acts on the outside world; its start is then made durable first.
        resumable: True when a crash never leaves in doubt what it did, so that it always continues
            and `onInterrupted` has no meaning.
        asks_itself: True when it asks a person itself about work that a crash interrupted; with
            `onInterrupted: ask` it is then executed again, and `StepInput` says so.
        ends: True when the run ends with it.
        timeout_ms: How long one attempt may take if the step does not set a timeout; None: no
            limit.
        names: Settings that name a `tool`, `workflow`, `agent` or `model`, each with that kind.
        given_to_bodies: The names that its bodies' data has beside those of the run, with what is
            known of them.
        given_to_templates: The names that some of its own templates may use in `data` beside those
            of the run.
        bounds_itself: Whether its `timeout` limits its body instead of an attempt.
        unused: Keys of every step that have no effect on it, with what to use instead; they
            are refused when a definition is saved.
        own_errors: Whether it may fail with types that `errors` does not list.
        asks: Whether its output is a person's answer.
        asks_fields: Whether it asks for its output fields, whose choices may come from data.
        delivers: Settings whose keys are names that it adds to the run's data.
        built_in: Whether it comes with the server; if so, `{{ }}` outside of templates is refused.
    """

    type: ClassVar[str]
    settings: ClassVar[SettingsClass]
    errors: ClassVar[Mapping[str, str]] = {}
    example: ClassVar[JsonObject] = {}
    acts: ClassVar[bool] = True
    resumable: ClassVar[bool] = False
    asks_itself: ClassVar[bool] = False
    ends: ClassVar[bool] = False
    timeout_ms: ClassVar[int | None] = None
    names: ClassVar[Mapping[str, str]] = {}
    bounds_itself: ClassVar[bool] = False
    given_to_bodies: ClassVar[Mapping[str, JsonObject]] = {}
    given_to_templates: ClassVar[Sequence[str]] = ()
    unused: ClassVar[Mapping[str, str]] = {}
    own_errors: ClassVar[bool] = True
    asks: ClassVar[bool] = False
    asks_fields: ClassVar[bool] = False
    delivers: ClassVar[Sequence[str]] = ()
    built_in: ClassVar[bool] = False

    def check(self, settings: S, output: Mapping[str, JsonObject]) -> Iterator[Problem]:
        """Find problems that the settings' model cannot, when a definition is saved.

        Args:
            settings: The step's settings, which fit the model.
            output: The specs of the step's declared output fields, by name.

        Returns:
            The problems; paths are relative to the step, such as `url`.
        """
        return iter(())

    def bodies(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Find the bodies of steps and edges inside a step as written.

        Args:
            document: The step in its definition, whose values may be anything.

        Returns:
            For each body its name, its place in the step, such as `branches.stock`, and the body.
        """
        return iter(())

    def calls(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Find the workflows that a step as written calls by name.

        Args:
            document: The step in its definition, whose values may be anything.

        Returns:
            For each call its place in the step, and the name, which may hold a template.
        """
        for key, what in self.names.items():
            if what == "workflow" and isinstance(document.get(key), str):
                yield key, document[key]

    def unused_in(self, document: Mapping[str, Any]) -> Mapping[str, str]:
        """Find keys that have no effect on a step as written.

        Args:
            document: The step in its definition, whose values may be anything.

        Returns:
            What to do instead, by key: for the keys of `unused`, and for keys that need another
            key. A definition with such a key is not saved.
        """
        return self.unused

    def has_items(self, document: Mapping[str, Any], path: str) -> bool:
        """Return whether a template of a step as written may name `item` and `index`.

        Args:
            document: The step in its definition, whose values may be anything.
            path: The place of the template in the step, such as `data.sku`.

        Returns:
            True if both exist when the template is evaluated.
        """
        return False

    def acts_now(self, settings: S, effects: Effects) -> bool:
        """Return whether this step acts on the outside world.

        Args:
            settings: The step's settings.
            effects: For questions without side effects, such as `is_pure`.

        Returns:
            True when its start must be durable before it is executed. Otherwise a crash may execute
            it again without a trace in the history.
        """
        return self.acts

    @abstractmethod
    async def execute(self, settings: S, step: StepInput, effects: Effects) -> Outcome:
        """Do the step's work, in one attempt.

        Each call begins at the top: after a crash, after a failed attempt, after an answer with
        which the step continues, and when a child run has ended. Records keep what must not be done
        twice.

        Args:
            settings: The step's settings.
            step: The attempt to execute.
            effects: The only access to the outside world.

        Returns:
            The outcome.

        Raises:
            StepBroke: This attempt failed.
        """

    def accept(
        self, settings: S, step: StepInput, pause: JsonObject, answer: JsonObject
    ) -> "Json | GoesOn | KeepsAsking":
        """Turn a person's answer to this step's pause into the step's output.

        It must not act on the outside world, and it has no effects with which it could.

        Args:
            settings: The step's settings.
            step: The attempt that paused.
            pause: The `body` with which the step paused.
            answer: The body of the resume request, with `answeredBy` (a name) and `answeredAt` (an
                ISO 8601 time) added.

        Returns:
            The step's output, `GoesOn` if the answer does not complete the step, or `KeepsAsking`
            if the same pause wants more answers.

        Raises:
            InvalidAnswer: The answer does not fit; the run stays paused.
        """
        raise InvalidAnswer([Problem("type", f"a {self.type} step takes no answer")])

    def unanswered(self, settings: S, pause: JsonObject) -> "GoesOn | None":
        """Decide what follows when nobody has answered a pause before its deadline.

        Args:
            settings: The step's settings.
            pause: The `body` with which the step paused.

        Returns:
            The record with which the step continues; None: the run takes its `timeout` edge.
        """
        return None

    def keeps(self, records: Mapping[str, Json]) -> Mapping[str, Json]:
        """Choose the records of a visit that a rerun takes over.

        Args:
            records: The records of the visit, by name.

        Returns:
            The records with which a new visit may begin.
        """
        return records


AnyStepType: TypeAlias = StepType[Any]
