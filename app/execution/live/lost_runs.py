"""The runs to be read again after an append with unknown outcome or a failure of their driver."""

from app.execution.live.live_run import LiveRun


class LostRuns:
    """The ids of lost runs, until recovery takes them."""

    def __init__(self) -> None:
        self._ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def lost(self, live: LiveRun) -> None:
        """Record a run whose append had an unknown outcome.

        If another process owns the run, the wake written with the append informs the owner.
        """
        if live.is_ours:
            self.add(live.run.id)

    def add(self, run_id: str) -> None:
        """Record a run that has to be read again."""
        self._ids.add(run_id)

    def is_any_beside(self, run_id: str) -> bool:
        """Return whether other runs are lost too."""
        return not self._ids <= {run_id}

    def take(self) -> set[str]:
        """Return all of them, and forget them."""
        ids, self._ids = self._ids, set()
        return ids
