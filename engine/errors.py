"""The errors of the engine, by who is at fault.

`IllegalTransition` is our fault: the table of transitions does not allow the event. `Rejected` and
its subclasses are the caller's: the run cannot take the command in its current state.
"""


class EngineError(Exception):
    """Base of every error the engine raises."""


class IllegalTransition(EngineError):
    """An event is not legal in the run's current state; the run must not continue."""

    def __init__(self, state: str, event: str, why: str = "") -> None:
        self.state, self.event, self.why = state, event, why
        super().__init__(f"{event} is not legal in state {state}" + (f": {why}" if why else ""))


class ConditionFailed(EngineError):
    """An edge's condition could not be evaluated; the message shows expression and cause."""


class Rejected(EngineError):
    """The run cannot take the command in its current state."""


class NotPaused(Rejected):
    """A resume came for a run that does not wait for a person, or waits for another answer."""


class AnswerKeyReused(Rejected):
    """An idempotency key was used again with a different answer."""


class RunIsOver(Rejected):
    """A command came for a run that has ended."""


class AlreadyCancelling(Rejected):
    """A second cancel came while the first was being carried out."""


class NotWaiting(Rejected):
    """A repair came for a run in a state in which that repair is not possible."""


class EndDecided(Rejected):
    """A cancel came for a run in its `finally`, when its ending is already decided."""
