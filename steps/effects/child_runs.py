"""Child runs: what a step requests, and their state."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import field

from engine import Json, JsonObject, Pause, RunError
from engine.value import value


@value(frozen=True, slots=True)
class ChildRun:
    """A child run that a step requests.

    Attributes:
        workflow_id: The workflow's id, `#name` for one of the document's own, or the name of a body
            of the step.
        version: `latest`, `published` or a number; None: the published version, or the latest if
            none is published.
        data: The run's input.
        refused: Why the input could not be computed; the run then exists only to fail with this.
        is_inline: Whether it is a body of the step.
        inherits: Whether `data` is merged over the data of the parent run.
    """

    workflow_id: str
    version: str | None
    data: JsonObject
    refused: RunError | None = None
    is_inline: bool = False
    inherits: bool = False


@value(frozen=True, slots=True)
class ChildPlan:
    """The child runs that a step requests, numbered `first` to `first + total - 1`.

    Attributes:
        first: The number of the first, 0 for the first plan of a visit.
        total: How many there are.
        child: Returns a child run by its number, at once or later; it must return the same one
            every time.
        concurrency: How many may be open at once.
        keep_going: Whether the others continue when one has failed.
        enough: How many must complete before the others are stopped. None: all of them, and the
            first failure ends the plan unless `keep_going` is set.
        alike: For each number, those that ask for the same version of the same workflow, and use
            the one with which the first of them began; empty: all of them do.
        others_go_on: Whether runs that are open when enough have completed continue instead of
            being stopped.
        named: The numbers of those that must complete; empty: any `enough` of them.
        needs: For child runs that wait for others, the numbers of those others.
        after: Returns a child run by its number and the results of those that it needs, at once or
            later.
    """

    first: int
    total: int
    child: Callable[[int], ChildRun | Awaitable[ChildRun]]
    concurrency: int = 1
    keep_going: bool = False
    enough: int | None = None
    alike: Mapping[int, frozenset[int]] = field(default_factory=dict)
    others_go_on: bool = False
    named: frozenset[int] = frozenset()
    needs: Mapping[int, frozenset[int]] = field(default_factory=dict)
    after: Callable[[int, Mapping[int, Json]], ChildRun | Awaitable[ChildRun]] | None = None

    @property
    def tells_apart(self) -> bool:
        """Whether it matters which child runs have completed, and not only how many."""
        return bool(self.named or self.needs)

    @property
    def ends_at_failure(self) -> bool:
        """Whether the first child run that fails ends the plan."""
        return not self.keep_going and self.enough is None

    async def child_run(self, number: int, results: Mapping[int, Json]) -> ChildRun:
        """Return a child run.

        Args:
            number: Its number.
            results: The results of those that it needs, by number; for others it is empty.

        Returns:
            What is to be started.
        """
        after = self.after if self.needs.get(number) else None
        run = after(number, results) if after else self.child(number)
        return await run if isinstance(run, Awaitable) else run

    def has_enough(self, completed: Collection[int]) -> bool:
        """Return whether enough child runs have completed.

        Args:
            completed: The numbers of those that have completed, or any numbers of the right count
                if `tells_apart` is false.

        Returns:
            True if the plan ends, once the others are stopped or left to continue.
        """
        if self.named:
            return self.named <= set(completed)
        return self.enough is not None and len(completed) >= self.enough

    def is_out_of_reach(self, failed: Collection[int]) -> bool:
        """Return whether too many child runs have failed for enough to complete.

        Args:
            failed: The numbers of those that have failed, or any numbers of the right count if
                `tells_apart` is false.

        Returns:
            True if the plan ends.
        """
        if self.keep_going or self.enough is None:
            return False
        lost = self.without(failed) if self.tells_apart else failed
        if self.named:
            return not self.named.isdisjoint(lost)
        return len(lost) > self.total - self.enough

    def is_ready(self, number: int, completed: Collection[int]) -> bool:
        """Return whether all child runs that one of them needs have completed.

        Args:
            number: The child run in question.
            completed: The numbers of those that have completed.

        Returns:
            True if it may begin.
        """
        return self.needs.get(number, frozenset()).issubset(completed)

    def in_order(self, completed: Collection[int]) -> Iterator[int]:
        """Yield the numbers of all child runs in the order in which they may begin.

        Args:
            completed: The numbers of those that have completed; it may grow meanwhile.

        Returns:
            The numbers, each after those that it needs; those that can never begin are left out.
        """
        waiting = set(range(self.first, self.first + self.total))
        while ready := sorted(one for one in waiting if self.is_ready(one, completed)):
            yield from ready
            waiting.difference_update(ready)

    def without(self, lost: Collection[int]) -> set[int]:
        """Return the child runs that can no longer begin.

        Args:
            lost: The numbers of those that have failed.

        Returns:
            These, and all that need one of them, directly or indirectly.
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
        usage: The model usage of it and the runs below it, None if there is none.
        number: Its number in the plan.
    """

    run_id: str
    data: JsonObject
    result: Json
    error: RunError | None = None
    usage: Json = None
    number: int = 0


@value(frozen=True, slots=True)
class ChildrenEnded:
    """The plan has ended: every child run has ended, or too many have failed.

    Attributes:
        ends: How they ended, in the order of the plan; only the failed ones if failures ended the
            plan. Child runs that were never started are not included.
        left: The ids of those that were left to continue, by their numbers.
    """

    ends: Sequence[ChildEnd]
    left: Mapping[int, str] = field(default_factory=dict)


@value(frozen=True, slots=True)
class ChildrenOpen:
    """Child runs of the plan are still open.

    Attributes:
        total: How many child runs the visit has requested so far.
        pause: What a person is asked, when all open child runs wait for a person.
    """

    total: int
    pause: Pause | None = None
