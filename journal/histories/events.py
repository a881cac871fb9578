"""Histories of runs: appends events, and reads them back with proof that they are unchanged."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from engine import Event, IllegalTransition, Run, RunStarted, State, StepStarted, apply, fold
from journal.connection import ALL_ROWS, Clash, Connection
from journal.errors import Conflict, Corrupt, UnknownRun
from journal.histories.ended_runs import EndedRuns
from journal.histories.head import Head, Then
from journal.histories.inherited import Found, InheritedData
from journal.histories.listeners import Listeners, Nobody
from journal.histories.long_runs import SHORTEST, LongRuns
from journal.histories.proved import PIECE_EVENTS, following, pieces
from journal.histories.read_ahead import ReadAhead
from journal.histories.snapshots import EVERY, Snapshots
from journal.histories.start_keys import IdempotencyKey, claim
from journal.histories.starts_together import StartsTogether
from journal.reading.readers import Readers
from journal.rows.chain import first_link
from journal.rows.event_rows import rows_of
from journal.rows.run_ids import run_number
from journal.rows.run_projection import Statement, listing, turn_of
from journal.runs.failures import failure
from journal.runs.open_pauses import OpenPauses
from journal.writing.transaction import NEW_RUN_ROWS, Append, Task, Work
from journal.writing.writer import Writer

_PAUSED, _FAILED = str(State.PAUSED), str(State.FAILED)
_LONG_TO_READ, _MOST_READ = 1_000, 4_000_000
"""The histories that stay in memory once they are read: events of one, characters of all."""


@dataclass(slots=True)
class RunAppend(Append):
    """Events on their way into the history of one run.

    Attributes:
        histories: All histories.
        before: The end of the history without them.
        after: Its end with them.
        run: The fold after them.
        then: Receives `after`, or why it is unknown whether that is the end.
    """

    histories: "Events"
    before: Head
    after: Head
    run: Run
    then: Then

    def conflict(self) -> Conflict:
        """Return the failure if another caller appended after `before` first."""
        return Conflict(self.before.run_id, self.before.seq + 1)

    def settle(self, failure: BaseException | None, /) -> None:
        """Give the result to the caller, and notify listeners of possible news."""
        histories, after = self.histories, self.after
        if histories.ahead.is_used:
            histories.ahead.forget(after.run_id)
        if histories.listeners.is_used:
            histories.listeners.heard(after.tenant, after.run_id)
        if failure is not None:
            self.then(failure)
            return
        if after.seq >= SHORTEST:
            histories.keep(after, self.run)
        self.then(after)


class Events:
    """The append-only histories of all runs."""

    def __init__(
        self, writer: Writer, readers: Readers, ended: EndedRuns[tuple[Head, Run]]
    ) -> None:
        self.open_pauses = OpenPauses()
        """Which pauses have rows of their own."""

        self.snapshots = Snapshots()

        self._writer = writer
        self._readers = readers
        self._ended = ended
        self._long = LongRuns[tuple[Head, Run]]()
        self._histories = LongRuns[tuple[Head, list[Event]]](_MOST_READ, _LONG_TO_READ)
        self.ahead = ReadAhead(readers)
        self._inherited = InheritedData(self._data_in)
        self.listeners: Listeners = Nobody()
        """Who hears of each append, even of one with an unknown outcome."""
        self.is_shared = False
        """Whether other processes may append, or delete."""

    def start(  # noqa: PLR0913 - a run, its events, what goes with them
        self,
        tenant: str,
        run: Run,
        events: Sequence[Event],
        then: Then,
        *,
        idempotency: IdempotencyKey | None = None,
        caption: Statement | None = None,
    ) -> None:
        """Write the first events of a run; `then` receives the end of its history.

        Or the reason why it has none:

            DuplicateStart: The idempotency key has started a run before.
            Conflict: There is a run with this id.
            Unavailable: It is unknown whether the events were written.
        """
        head = Head(run.id, tenant, 0, first_link(run_number(run.id)))
        claimed = None
        if idempotency is not None:
            claimed = partial(
                claim, tenant=tenant, wanted=idempotency, number=run_number(run.id),
                at_ms=run.started_at_ms,
            )  # fmt: skip
        self.append(head, events, run, then, claimed, caption)

    def append(  # noqa: PLR0913 - as `start`
        self,
        head: Head,
        events: Sequence[Event],
        run: Run,
        then: Then,
        beside: Work | None = None,
        caption: Statement | None = None,
        wake: Statement | None = None,
    ) -> None:
        """Append events after `head`; `then` receives the history's new end once they are durable.

        `run` is the fold after them, and must not change until then. Its row in the list is written
        in the same transaction. So are its `caption` if that has changed, the `wake` for its owner
        if that is another process, and `beside`: everything or nothing. On failure `then` receives
        the reason:

            Conflict: Another caller appended after `head` first.
            Unavailable: It is unknown whether the events were written.
        """
        append = self._append(head, events, run, caption, then)
        if wake is not None:
            append.runs.append(wake)
        if beside is None:
            self._writer.submit(append)
            return

        def work(connection: Connection) -> None:
            beside(connection)
            append.work(connection)

        def settle(answer: BaseException | None) -> None:
            append.settle(append.conflict() if isinstance(answer, Clash) else answer)

        self._writer.submit(Task(work, settle, head.tenant, append.rows, append.characters))

    def _append(
        self, head: Head, events: Sequence[Event], run: Run, caption: Statement | None, then: Then
    ) -> RunAppend:
        """Return the chained rows of the events after `head` and the row of `run`."""
        number = run_number(head.run_id)
        rows, digest, characters = rows_of(number, head.seq, head.hash, events)
        before, turn = head.turn, turn_of(run)
        listed = [listing(head.tenant, run, number, digest, head.seq, before, turn)]
        if caption is not None:
            listed.append(caption)
        if turn[1] == _PAUSED or (before is not None and before[1] == _PAUSED):
            listed += self.open_pauses.kept(head.tenant, run, events, before)
        if turn[1] == _FAILED:
            listed += failure(head.tenant, run, events)
        whole = head.characters + characters
        after = Head(
            head.run_id, head.tenant, run.seq, digest, whole, turn, head.visits, head.summary
        )
        if run.executions - head.visits > EVERY:
            after, kept = self.snapshots.taken(head, after, run)
            listed += kept
        return RunAppend(
            rows,
            listed,
            len(rows) + (1 if before else NEW_RUN_ROWS),
            characters,
            head.tenant,
            self,
            head,
            after,
            run,
            then,
        )

    def keep(self, head: Head, run: Run) -> None:
        """Keep the fold of a long run in memory."""

        def shown() -> tuple[Head, Run]:
            return head, run if run.is_over else run.copy()

        self._long.keep(run.id, shown, head.seq, head.characters)

    def share(self) -> None:
        """Prepare for appends by other processes."""
        self.is_shared = True
        self.open_pauses.share()

    async def start_together(
        self, tenant: str, starts: Sequence[tuple[Run, Sequence[Event], Statement | None]]
    ) -> list[Head]:
        """Write the first events of several runs, all or none; durable when this returns.

        Raises:
            Conflict: One of them exists already.
            Unavailable: It is unknown whether they were written; all were, or none.
        """
        heads = [Head(run.id, tenant, 0, first_link(run_number(run.id))) for run, _, _ in starts]
        made = [
            self._append(head, events, run, caption, _unheard)
            for head, (run, events, caption) in zip(heads, starts, strict=True)
        ]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        append = StartsTogether(
            [row for one in made for row in one.events],
            [statement for one in made for statement in one.runs],
            sum(one.rows for one in made),
            sum(one.characters for one in made),
            tenant,
            starts[0][0].id,
            done,
        )
        try:
            self._writer.submit(append)
            await done
        finally:
            for run, _, _ in starts:
                self.listeners.heard(tenant, run.id)
        return [one.after for one in made]

    async def read_ahead(self, run_ids: Sequence[str]) -> None:
        """Read several histories in one query, each for its next reader.

        Raises `Damaged` or `Unavailable`; a later read of one of them raises what is wrong with it.
        """
        await self.ahead.read(run_ids)

    async def read(self, run_id: str, tenant: str | None = None) -> tuple[Head, list[Event]]:
        """Return a run's whole history; with `tenant`, only if it is theirs.

        Raises:
            UnknownRun: There is no such run, or it is another tenant's.
            Corrupt: An event is not what was written.
        """
        kept = self._histories.get(run_id)
        if kept is not None and tenant in (None, kept[0].tenant):
            head, more = await self.after(kept[0])
            events = [*kept[1], *more]
            if await self.ends_with(head):
                if more:
                    self._histories.keep(
                        run_id, lambda: (head, events), len(events), head.characters
                    )
                return head, [*events]
            self._histories.forget(run_id)
        head, events, _ = await self._read(run_id, tenant)
        self._histories.keep(run_id, lambda: (head, [*events]), len(events), head.characters)
        return head, events

    async def _read(
        self, run_id: str, tenant: str | None, most: int = ALL_ROWS
    ) -> tuple[Head, list[Event], int]:
        """Return a run's history as `read` does, and its length in characters."""
        number = run_number(run_id)
        rows = self.ahead.take(run_id, tenant) or await self._readers.all(
            "SELECT r.tenant, e.seq, e.type, e.schema, e.at_ms, e.body, e.hash, r.seq"
            " FROM runs r JOIN events e ON e.run = r.id"
            " WHERE r.id = ? AND (? IS NULL OR r.tenant = ?) AND r.seq <= ? ORDER BY e.seq",
            (number, tenant, tenant, most),
        )
        if not rows:
            raise UnknownRun(run_id)
        events: list[Event] = []
        before = first_link(number)
        for piece in pieces(rows):
            for row in piece:
                events += following(run_id, row[1:7], len(events), before)
                before = row[6]
            if len(piece) < len(rows):
                await asyncio.sleep(0)
        if rows[-1][7] != len(events):
            raise Corrupt(run_id, len(events) + 1, "is missing")
        length = sum(len(row[5]) for row in rows)
        events[0], more = await self.with_inherited(events[0])
        length += more
        return Head(run_id, rows[0][0], len(events), before, length), events, length

    async def after(self, head: Head) -> tuple[Head, list[Event]]:
        """Return what another process has appended after `head`, and the new end.

        Raises as `read`; also `Corrupt` if the history does not continue from `head`.
        """
        number, seq, before, characters = run_number(head.run_id), head.seq, head.hash, 0
        events: list[Event] = []
        for row in await self._readers.all(
            "SELECT seq, type, schema, at_ms, body, hash FROM events WHERE run = ? AND seq > ?"
            " ORDER BY seq",
            (number, seq),
        ):
            events += following(head.run_id, row, seq, before)
            seq, body, before = row[0], row[4], row[5]
            characters += len(body)
        return replace(head, seq=seq, hash=before, characters=head.characters + characters), events

    async def run(self, run_id: str, tenant: str | None = None) -> tuple[Head, Run]:
        """Return the fold of a run's history. Raises as `read`, and `Corrupt` where it breaks."""
        return await self.kept(run_id, tenant) or await self.folded(run_id, tenant)

    async def kept(self, run_id: str, tenant: str | None) -> tuple[Head, Run] | None:
        """Return the fold of a run's history if it is in memory."""
        if (kept := self._ended.get(run_id)) and tenant in (None, kept[0].tenant):
            if not self.is_shared or await self.ends_with(kept[0]):
                return kept
            self._ended.forget(run_id)
        if (going := self._long.get(run_id)) and tenant in (None, going[0].tenant):
            if await self.ends_with(going[0]):
                return going if going[1].is_over else (going[0], going[1].copy())
            self._long.forget(run_id)
        return None

    async def folded(
        self, run_id: str, tenant: str | None, most: int = ALL_ROWS
    ) -> tuple[Head, Run]:
        """Read and fold a run's history.

        Raises as `run`; also `UnknownRun` if it has more than `most` events.
        """
        deletions = self._ended.deletions
        head, events, length = await self._read(run_id, tenant, most)
        run = None
        try:
            for at in range(0, len(events), PIECE_EVENTS):
                run = fold(events[at : at + PIECE_EVENTS], run)
                if len(events) > PIECE_EVENTS:
                    await asyncio.sleep(0)
            whole = fold((), run)
        except IllegalTransition as illegal:
            raise Corrupt(run_id, head.seq, f"does not apply: {illegal}") from illegal
        head = replace(head, turn=turn_of(whole))
        if whole.is_over:
            self._ended.keep(run_id, (head, whole), length, deletions)
        self.keep(head, whole)
        return head, whole

    async def with_inherited(self, event: Event) -> tuple[Event, int]:
        """Return an event with the data that its run inherits, and the length of that data."""
        if not isinstance(event, RunStarted) or not event.inherits or event.parent is None:
            return event, 0
        try:
            data, length = await self._inherited.of(event.parent)
        except UnknownRun as deleted:
            raise UnknownRun(event.run_id) from deleted
        return replace(event, inherited=data), length

    async def _data_in(self, run_id: str, execution: int, attempt: int) -> Found:
        """Return the data of a run in an attempt of one execution of a step.

        Between two attempts a person may have changed it.
        """
        head, run = await self.run(run_id)
        is_there = (
            run.executions == execution
            and run.current is not None
            and run.current.attempt == attempt
        )
        if is_there and (run.state is State.EXECUTING or run.waits_for_children):
            return run.data, head.characters
        _, events, length = await self._read(run_id, None)
        before: Run | None = None
        for at, event in enumerate(events):
            if before is not None and isinstance(event, StepStarted) and event.attempt == attempt:
                entered = before.executions + (attempt == 1)
                if entered == execution:
                    return before.data, length
            before = apply(before, event)
            if at % PIECE_EVENTS == 0:
                await asyncio.sleep(0)
        raise Corrupt(run_id, len(events), f"is before step execution {execution}, of which "
                      "another run has its data")  # fmt: skip

    async def ends_with(self, head: Head) -> bool:
        """Return whether a run's row names this as the end of its history."""
        found = await self._readers.by_key(
            "SELECT 1 FROM runs WHERE id = ? AND tenant = ? AND seq = ? AND head = ?",
            (run_number(head.run_id), head.tenant, head.seq, head.hash),
        )
        return found is not None


def _unheard(_: Head | BaseException) -> None:
    """Take the result of an append that is part of a larger one."""
