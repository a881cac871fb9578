"""Deletes whole runs: a run that has ended, with its child runs, in several parts."""

from journal import Journal

_RUNS_A_PART = 200


async def delete_whole(journal: Journal, tenant: str, run_id: str) -> int:
    """Delete a run and its children in several parts; return how many runs that were.

    If it is interrupted, the next call deletes the remaining children.

    Raises:
        UnknownRun: There is no such run, or it is another tenant's.
        ChildOf: It is a child, which is deleted with its parent.
        NotEnded: It, or a child of it, has not ended.
    """
    runs = 0
    while True:
        part = await journal.removal.delete(tenant, run_id, _RUNS_A_PART)
        runs += part.runs
        if part.is_whole:
            return runs
