"""Snapshots of long runs, from which the newest part of a history is shown.

A run that has entered many steps gets one at regular distances, in the transaction of the events up
to which it goes. It names their hash, so a reader chains the events that follow to it, up to the
end that the run's row names; if anything does not fit, the whole history is read. Nothing but what
is shown of a run's newest visits ever depends on a snapshot, and `verify` reads none.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from engine import Json, Run, Visit
from journal.histories.head import Head
from journal.rows.run_ids import run_number
from journal.rows.run_projection import Statement
from journal.rows.snapshot_rows import SNAPSHOT, digest_of, encode_state, entered_of

EVERY = 125
"""After how many steps of a run the next snapshot is due."""

MOST_SHOWN = 1_000
"""How many of the newest visits the oldest snapshot that is kept leaves out, at least."""

_LONGEST = 256 * 1024
"""How many characters a snapshot may have; a longer one is not kept."""

Summary: TypeAlias = Callable[[Json, Sequence[Visit]], Json]
"""Returns the summary of visits, given that of the earlier ones, and the visits since then."""

_KEEP = (
    "INSERT INTO run_snapshots (run, visits, seq, hash, schema, body, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, visits) DO UPDATE"
    " SET seq = excluded.seq, hash = excluded.hash, schema = excluded.schema,"
    " body = excluded.body, digest = excluded.digest"
)
_DROP = (
    "DELETE FROM run_snapshots WHERE run = ? AND visits <"
    " (SELECT max(visits) FROM run_snapshots WHERE run = ? AND visits <= ?)"
)


class Snapshots:
    """Makes the snapshots of runs.

    Attributes:
        summary: Makes the summary of the visits before a snapshot.
    """

    def __init__(self) -> None:
        self.summary: Summary = lambda _, __: None

    def taken(self, before: Head, after: Head, run: Run) -> tuple[Head, list[Statement]]:
        """Return the statements that keep a snapshot of `run`, which is the fold up to `after`.

        Also returns `after` with what the next one needs to know. There are no statements, and it
        is still due, if the run is not in a state of which snapshots are made.
        """
        entered = entered_of(run)
        if entered is None:
            return after, []
        visits = len(run.past)
        summary = self.summary(before.summary, run.past[before.visits :])
        body = encode_state(run, entered, summary)
        after = replace(after, visits=visits, summary=summary)
        if len(body) > _LONGEST:
            return after, []
        number = run_number(run.id)
        digest = digest_of(after.hash, after.seq, visits, body)
        row = (number, visits, after.seq, after.hash, SNAPSHOT, body, digest)
        return after, [(_KEEP, row), (_DROP, (number, number, visits - MOST_SHOWN))]
