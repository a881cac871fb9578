"""Child runs as a step wants them, and how they stand."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field

from engine import Json, JsonObject, Pause, RunError
from engine.value import value


@value(frozen=True, slots=True)
class ChildRun:
    """A run that a step wants started.

    Attributes:
        workflow_id: The workflow's id, `#name` for one of the document's own, or the name of a
            body of the step.
        version: `latest`, `published` or a number; None: the published version, or the latest
            where none is published.
        data: The run's input.
        refused: Why the data could not be made; the run then exists only to say so.
        is_inline: Whether it is a body of the step.
        inherits: Whether `data` comes over the data of the run that starts it.
    """

    workflow_id: str
    version: str | None
    data: JsonObject
    refused: RunError | None = None
    is_inline: bool = False
    inherits: bool = False


@value(frozen=True, slots=True)
class ChildPlan:
    """Child runs that a step wants, numbered `first` to `first + total - 1`.

    Attributes:
        first: The number of the first, 0 for the first plan of a visit.
        total: How many there are.
        child: Returns one of them by its number; the same every time it is asked.
        concurrency: How many may be open at once.
        keep_going: Whether the others go on when one has failed.
        enough: How many have to complete; then the others are stopped. None: all of them, and
            the first that fails ends the plan unless it keeps going.
        is_mixed: Whether each calls a workflow of its own; else all that call one stay with the
            version that the first of them began with.
        others_go_on: Whether those that are open once enough have completed are left to go on,
            instead of stopped.
        named: The numbers of those that have to complete; empty: any `enough` of them.
        needs: For those that begin only once others have completed, the numbers of these.
        after: Returns one of them by its number and the results of those that it needs.
    """

    first: int
    total: int
    child: Callable[[int], ChildRun]
    concurrency: int = 1
    keep_going: bool = False
    enough: int | None = None
    is_mixed: bool = False
    others_go_on: bool = False
    named: frozenset[int] = frozenset()
    needs: Mapping[int, frozenset[int]] = field(default_factory=dict)
    after: Callable[[int, Mapping[int, Json]], ChildRun] | None = None

    @property
    def tells_apart(self) -> bool:
        """Whether it matters which of them have completed, and not only how many."""
        return bool(self.named or self.needs)

    @property
    def ends_at_failure(self) -> bool:
        """Whether the first child run that fails ends it."""
        return not self.keep_going and self.enough is None

    def has_enough(self, completed: Collection[int]) -> bool:
        """Say whether those have completed that have to.

        Args:
            completed: The numbers of those that have; so many of any, where it `tells_apart` none.

        Returns:
            True where that ends the plan, once the others are stopped or left to go on.
        """
        if self.named:
            return self.named <= set(completed)
        return self.enough is not None and len(completed) >= self.enough

    def is_out_of_reach(self, failed: Collection[int]) -> bool:
        """Say whether so many have failed that enough cannot complete any more.

        Args:
            failed: The numbers of those that have; so many of any, where it `tells_apart` none.

        Returns:
            True where that ends the plan.
        """
        if self.keep_going or self.enough is None:
            return False
        lost = self.without(failed) if self.tells_apart else failed
        if self.named:
            return not self.named.isdisjoint(lost)
        return len(lost) > self.total - self.enough

    def is_ready(self, number: int, completed: Collection[int]) -> bool:
        """Say whether all that one of them needs have completed.

        Args:
            number: Which of them.
            completed: The numbers of those that have.

        Returns:
            True where it may begin.
        """
        return self.needs.get(number, frozenset()).issubset(completed)

    def in_order(self, completed: Collection[int]) -> Iterator[int]:
        """Go through all of them as they may begin.

        Args:
            completed: The numbers of those that have completed; it may grow meanwhile.

        Returns:
            Their numbers, each after those that it needs; those that never may are left out.
        """
        waiting = set(range(self.first, self.first + self.total))
        while ready := sorted(one for one in waiting if self.is_ready(one, completed)):
            yield from ready
            waiting.difference_update(ready)

    def without(self, lost: Collection[int]) -> set[int]:
        """Find what cannot begin any more.

        Args:
            lost: The numbers of those that have failed.

        Returns:
            These, and all that need one of them, directly or not.
        """
        found, before = set(lost), -1
        while before != len(found):
            before = len(found)
            found |= {number for number, needed in self.needs.items() if needed & found}
        return found


@value(frozen=True, slots=True)
class ChildEnd:
    """How one child run ended.

    Attributes:
        run_id: Its id.
        data: Its data at the end.
        result: Its result, a JSON value.
        error: Why it failed or was stopped; None: it completed.
        usage: What it and the runs below it have asked of models, None where that is nothing.
        number: Which of the plan it is.
    """

    run_id: str
    data: JsonObject
    result: Json
    error: RunError | None = None
    usage: Json = None
    number: int = 0


@value(frozen=True, slots=True)
class ChildrenEnded:
    """Every child run of a plan has ended, or those have failed that end the plan.

    Attributes:
        ends: How they ended, in the order of the plan; the failed ones alone where they end it.
            A child run that was not started, since enough had completed, is not among them.
        left: The ids of those that were left to go on, by their numbers.
    """

    ends: Sequence[ChildEnd]
    left: Mapping[int, str] = field(default_factory=dict)


@value(frozen=True, slots=True)
class ChildrenOpen:
    """Child runs of a plan are open.

    Attributes:
        total: How many child runs the visit has wanted so far.
        pause: What a person is asked, when all that are open wait for one.
    """

    total: int
    pause: Pause | None = None
