"""What can go wrong in the engine, by who is to blame.

`IllegalTransition` is our fault: an event that the table does not allow. `Rejected` and
its kinds are the caller's: a command that the run cannot take as it stands.
"""


class EngineError(Exception):
    """Base of every error the engine raises."""


class IllegalTransition(EngineError):
    """An event does not apply to the run as it stands; the run must not go on."""

    def __init__(self, state: str, event: str, why: str = "") -> None:
        self.state, self.event, self.why = state, event, why
        super().__init__(f"{event} is not legal in state {state}" + (f": {why}" if why else ""))


class ConditionFailed(EngineError):
    """An edge's condition could not be evaluated; the message shows expression and cause."""


class Rejected(EngineError):
    """A command that this run cannot take as it stands."""


class NotPaused(Rejected):
    """A resume came for a run that waits for nobody, or waits for something else."""


class AnswerKeyReused(Rejected):
    """An idempotency key came again with another answer."""


class RunIsOver(Rejected):
    """A command came for a run that has ended."""


class AlreadyCancelling(Rejected):
    """A second cancel came while the first is being carried out."""


class NotWaiting(Rejected):
    """A repair came for a run that does not stand where it could be made."""


class EndDecided(Rejected):
    """A cancel came for a run that is in its `finally`: how it ends is decided."""
