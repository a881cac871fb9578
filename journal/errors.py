"""The errors of the journal, grouped by who can correct them."""

from pathlib import Path

from engine.counted import counted


class JournalError(Exception):
    """Base of every error the journal raises."""


class Unavailable(JournalError):
    """The database did not answer; whether a write happened is unknown until it is read."""

    def __init__(self, why: str) -> None:
        self.what = f"the journal is unavailable ({why})"
        super().__init__(f"{self.what}; try again in a moment")


class Damaged(JournalError):
    """The database cannot be used as a journal; it was not changed."""

    def __init__(self, file: Path, why: str) -> None:
        self.file = file
        super().__init__(
            f"{file} {why}. It has been left as it is: restore it from a backup, "
            "or choose another data folder."
        )


class Corrupt(JournalError):
    """An event in the journal is not what was written, or cannot be understood."""

    def __init__(self, run_id: str, seq: int, why: str) -> None:
        self.run_id, self.seq = run_id, seq
        super().__init__(f"event {seq} of run {run_id} {why}")


UNREADABLE = (Corrupt, Damaged)
"""Why a history cannot be read, now or later."""


class Conflict(JournalError):
    """Another process or caller appended to the run first."""

    def __init__(self, run_id: str, seq: int) -> None:
        self.run_id, self.seq = run_id, seq
        super().__init__(f"event {seq} of run {run_id} exists already")


class DuplicateStart(JournalError):
    """The idempotency key has started a run before.

    Attributes:
        run_id: The run it started.
        same: True when that request was the same as this one.
    """

    def __init__(self, run_id: str, *, same: bool) -> None:
        self.run_id, self.same = run_id, same
        super().__init__(f"this idempotency key has started run {run_id}")


class NotFound(JournalError):
    """What was asked for does not exist, or is another tenant's."""


class UnknownRun(NotFound):
    """There is no such run."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no run {run_id!r}")


class UnknownEvent(NotFound):
    """The event has been deleted, with the run that it belongs to."""

    def __init__(self, position: int) -> None:
        super().__init__(f"there is no event at position {position}")


class UnknownWebhook(NotFound):
    """There is no such webhook."""

    def __init__(self, webhook_id: str) -> None:
        super().__init__(f"there is no webhook {webhook_id!r}")


class UnknownPasskey(NotFound):
    """There is no such passkey."""

    def __init__(self, passkey_id: str) -> None:
        super().__init__(f"there is no passkey {passkey_id!r}")


class UnknownPerson(NotFound):
    """There is no such person."""

    def __init__(self, person_id: str) -> None:
        super().__init__(f"there is no person {person_id!r}")


class UnknownSession(NotFound):
    """There is no such session, or it is over."""

    def __init__(self, session_id: str) -> None:
        super().__init__(f"there is no session {session_id!r}")


class NameTaken(JournalError):
    """Somebody else of the tenant has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"somebody is called {name!r} already; choose another name")


class PasskeyTaken(JournalError):
    """The passkey is somebody's already."""

    def __init__(self) -> None:
        super().__init__("that passkey is in use already; make another one")


class UnknownDelivery(NotFound):
    """The webhook has no such delivery, or it is no longer kept."""

    def __init__(self, webhook_id: str, position: int) -> None:
        super().__init__(f"webhook {webhook_id!r} has no delivery {position}")


class TooManyWebhooks(JournalError):
    """The tenant has as many webhooks as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"this tenant has {counted(most, 'webhook')}, which is the limit; delete one first"
        )


class TooManySignals(JournalError):
    """The tenant has as many undelivered signals as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"this tenant has {counted(most, 'signal')} that no run has taken, which is the limit"
        )


class UnknownSchedule(NotFound):
    """There is no such schedule."""

    def __init__(self, schedule_id: str) -> None:
        super().__init__(f"there is no schedule {schedule_id!r}")


class TooManySchedules(JournalError):
    """The tenant has as many schedules as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"this tenant has {counted(most, 'schedule')}, which is the limit; delete one first"
        )


class UnknownTrigger(NotFound):
    """There is no such trigger."""

    def __init__(self, trigger_id: str) -> None:
        super().__init__(f"there is no trigger {trigger_id!r}")


class UnknownFiring(NotFound):
    """The trigger has no such firing, or it is no longer kept."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no firing {key[:80]!r}; only the newest are kept")


class TooManyTriggers(JournalError):
    """The tenant has as many triggers as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"this tenant has {counted(most, 'trigger')}, which is the limit; delete one first"
        )


class UnknownWorkflow(NotFound):
    """There is no such workflow."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"there is no workflow {workflow_id!r}")


class UnknownAgent(NotFound):
    """There is no such agent."""

    def __init__(self, agent_id: str) -> None:
        super().__init__(f"there is no agent {agent_id!r}")


class UnknownVersion(NotFound):
    """The workflow or agent has no such version."""

    def __init__(self, word: str, definition_id: str, selector: str) -> None:
        which = "published version" if selector == "published" else f"version {selector!r}"
        super().__init__(f"{word} {definition_id!r} has no {which}")


class UnknownFile(NotFound):
    """There is no such file."""

    def __init__(self, file_id: str) -> None:
        super().__init__(f"there is no file {file_id!r}")


class UnknownModel(NotFound):
    """The tenant has no such model of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(f"this tenant has no model {name!r}")


class UnknownThread(NotFound):
    """There is no such thread."""

    def __init__(self, thread_id: str) -> None:
        super().__init__(f"there is no thread {thread_id!r}")


class ThreadInUse(JournalError):
    """Another step writes to the thread."""

    def __init__(self, thread_id: str, run_id: str) -> None:
        super().__init__(f"run {run_id} is using thread {thread_id!r}; only one run at a time may")


class ThreadOfAnother(JournalError):
    """The thread belongs to another agent."""

    def __init__(self, thread_id: str, agent_id: str) -> None:
        super().__init__(f"thread {thread_id!r} belongs to agent {agent_id}; use another thread")


class UnknownCredential(NotFound):
    """There is no such key or secret."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no key or secret {name!r}")


class UnknownSecret(NotFound):
    """The tenant has no such secret."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no secret {name!r}")


class UnknownVariable(NotFound):
    """The tenant has no such variable."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no variable {name!r}")


class UnknownView(NotFound):
    """The person has no such view."""

    def __init__(self, name: str) -> None:
        super().__init__(f"you have no view {name!r}")


class TooManyViews(JournalError):
    """A person has as many views as one may have."""

    def __init__(self, most: int) -> None:
        super().__init__(f"you have {counted(most, 'view')}, which is the limit; delete one first")


class StoreFull(JournalError):
    """A tenant has as many values in its store as it may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"the store holds {counted(most, 'value')} already; delete some, or let them expire"
        )


class KnowledgeFull(JournalError):
    """A collection has as many passages, or a tenant as many collections, as it may have."""

    def __init__(self, bound: str) -> None:
        super().__init__(f"{bound}; remove some, or use another one")


class DefinitionExists(JournalError):
    """The id that was asked for is taken."""

    def __init__(self, word: str, definition_id: str) -> None:
        super().__init__(f"the id {definition_id!r} is that of another {word}; choose another id")


class ChangedMeanwhile(JournalError):
    """The object has been changed or removed since the caller read it."""

    def __init__(self, word: str, which: str) -> None:
        super().__init__(f"somebody else has changed the {word} {which!r} meanwhile")


class Archived(JournalError):
    """The workflow or agent is archived."""

    def __init__(self, word: str, definition_id: str) -> None:
        super().__init__(f"{word} {definition_id!r} is archived; unarchive it first")


class NotArchived(JournalError):
    """The workflow or agent is not archived."""

    def __init__(self, word: str, definition_id: str, hint: str) -> None:
        super().__init__(f"{word} {definition_id!r} is not archived{hint}")


class OpenRuns(JournalError):
    """Runs of the workflow have not ended."""

    def __init__(self, workflow_id: str, count: int) -> None:
        message = (
            f"{counted(count, 'run')} of workflow {workflow_id!r} {'has' if count == 1 else 'have'}"
            f" not ended; cancel {'it' if count == 1 else 'them'} first"
        )
        super().__init__(message)


class NotEnded(JournalError):
    """The run has not ended, so it cannot be deleted."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"run {run_id} has not ended; cancel or terminate it first")


class ChildOf(JournalError):
    """The run is a part of its parent's history and is deleted with it."""

    def __init__(self, run_id: str, parent_id: str) -> None:
        super().__init__(f"run {run_id} is deleted with the run that started it, {parent_id}")
