"""Deleting whole runs: a run that has ended, with its child runs, a part at a time."""

from journal import Journal

_RUNS_A_PART = 200


async def delete_whole(journal: Journal, tenant: str, run_id: str) -> int:
    """Delete a run and its children, a part at a time; returns their number.

    Where it is stopped half-way, the children that are left are deleted the next time.

    Raises:
        UnknownRun: There is no such run, or it is another tenant's.
        ChildOf: It goes with its parent.
        NotEnded: It, or a child of it, has not ended.
    """
    runs = 0
    while True:
        part = await journal.removal.delete(tenant, run_id, _RUNS_A_PART)
        runs += part.runs
        if part.is_whole:
            return runs
