# Made by `make blocking-client` from stepwell/_asynchronous/run.py: change that file.
"""The client for threads: the calls about one run."""

from collections.abc import Iterator, Sequence
from typing import Literal

import stepwell._calls as calls
import stepwell._pause_calls as pause_calls
import stepwell._reading as reading
import stepwell._repair_calls as repair_calls
import stepwell._resuming as resuming
from stepwell._blocking.connection import Connection
from stepwell._documents import Event, JsonObject, RunStatus
from stepwell._stopping import stop


class Run:
    """The handle of a run, from `Client.start` or `Client.run`.

    Args:
        connection: The connection to the server, made by the client.
        run_id: The run.

    Attributes:
        id: The run.
    """

    def __init__(self, connection: Connection, run_id: str) -> None:
        self._connection = connection
        self.id = run_id

    def wait(self, timeout: float | None = None) -> RunStatus:
        """Wait until the run has completed or waits for a person.

        Args:
            timeout: For how many seconds; default: as long as it takes.

        Returns:
            The state of the run after that.

        Raises:
            RunFailed: It has failed, or was cancelled (`RunCancelled`) or terminated
                (`RunTerminated`).
            WaitTimeout: It still runs, and continues.
            ApiError: The server refused.
            Unanswered: The server was away for too long.
        """
        return self._connection.wait(self.id, timeout)

    def status(
        self, *, history_limit: int | None = None, history_cursor: str | None = None
    ) -> RunStatus:
        """Return the state of the run.

        Args:
            history_limit: How many of the newest visits of steps the history has; at most
                and by default 1,000.
            history_cursor: For older visits: `history_cursor` of the status before.

        Returns:
            The status, with the history of its steps.

        Raises:
            ApiError: The server refused: 404 if there is no such run.
            Unanswered: The server was not reached.
        """
        asked = calls.status(self.id, history_limit, history_cursor)
        return reading.run_status(self._connection.ask(asked))

    def transcript(
        self, *, step_id: str | None = None, visit: int | None = None
    ) -> list[JsonObject]:
        """Return the conversations of models, tools and people in the run.

        Args:
            step_id: The step; default: every step that has asked a model.
            visit: Which visit of the step; default: all.

        Returns:
            A conversation for each visit, with its `messages`, oldest first.

        Raises:
            ApiError: The server refused: 404 if there is no such run, or if transcripts are
                hidden.
            Unanswered: The server was not reached.
        """
        found = self._connection.ask(calls.transcript(self.id, step_id, visit))
        return reading.conversations(found)

    def explain(self, path: str, *, at: int | None = None) -> JsonObject:
        """Return where a value came from, and what it influenced.

        Args:
            path: Which value, such as `result.total` or `steps.pay.output.status`.
            at: The value before the event of this number; default: at the end.

        Returns:
            The value with its `chain`, the value itself first, and what it `reached`.

        Raises:
            ApiError: The server refused: 400 if the run has no such value.
            Unanswered: The server was not reached.
        """
        return reading.explanation(self._connection.ask(repair_calls.explain(self.id, path, at)))

    def resume_inputs(
        self,
        data: JsonObject,
        comment: str | None = None,
        *,
        attachments: Sequence[str] = (),
        pause_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> RunStatus:
        """Answer a pause that asks for inputs.

        Without a `pause_id`, it answers the pause that is open now, or within five seconds. If
        the server sends ids of pauses, an answer counts once, however often it has to be sent.

        Args:
            data: The inputs, by the names of their fields.
            comment: A comment for the history.
            attachments: Ids of files that belong to the answer (`Client.upload`).
            pause_id: The pause, from `RunStatus.pause`; 409 if it is over.
            idempotency_key: Answers with the same key count once, and get the same reply.
                By default a key is made for this call.

        Returns:
            The state of the run after that.

        Raises:
            ApiError: The server refused: 400 for data that does not fit, 409 if the run
                waits for something else.
            Unanswered: The server was not reached; whether the answer counts is unknown.
        """
        details = calls.AnswerDetails(pause_id, idempotency_key, comment, attachments)
        flow = resuming.resume_inputs(self.id, data, details, self._connection.retry_for_s)
        return self._connection.carry_out(flow)

    def resume_action(  # noqa: PLR0913 - each by name
        self,
        value: str,
        comment: str | None = None,
        *,
        data: JsonObject | None = None,
        attachments: Sequence[str] = (),
        pause_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> RunStatus:
        """Answer a pause that asks for an action.

        It reads what the run waits for when this is called; otherwise like `resume_inputs`.

        Args:
            value: The value of the action, one of `PauseSignal.actions`.
            comment: Why, for the history.
            data: What the action asks for, by the names of its fields.
            attachments: As for `resume_inputs`.
            pause_id: As for `resume_inputs`.
            idempotency_key: As for `resume_inputs`.

        Returns:
            The state of the run after that.

        Raises:
            NotPaused: The run does not wait for an action.
            ApiError: The server refused: 400 for an unknown value, 409 if the pause is
                over.
            Unanswered: The server was not reached; whether the answer counts is unknown.
        """
        details = calls.AnswerDetails(pause_id, idempotency_key, comment, attachments)
        flow = resuming.resume_action(self.id, value, data, details, self._connection.retry_for_s)
        return self._connection.carry_out(flow)

    def claim(self, *, pause_id: str | None = None, comment: str | None = None) -> RunStatus:
        """Claim the run's question: nobody else can answer it until it is released.

        Args:
            pause_id: The pause; default: the open one.
            comment: Why, for the history.

        Returns:
            The state of the run after that.

        Raises:
            ApiError: The server refused: 403 if the caller may not answer or somebody else has
                claimed it, 409 if nothing is asked.
            Unanswered: The server was not reached.
        """
        asked = pause_calls.hold("claim", self.id, pause_id, comment)
        return reading.run_status(self._connection.ask(asked))

    def unclaim(self, *, pause_id: str | None = None, comment: str | None = None) -> RunStatus:
        """Release a claimed question, so that others can answer it.

        Args:
            pause_id: As for `claim`.
            comment: Why, for the history.

        Returns:
            The state of the run after that.

        Raises:
            ApiError: The server refused, as for `claim`.
            Unanswered: The server was not reached.
        """
        asked = pause_calls.hold("unclaim", self.id, pause_id, comment)
        return reading.run_status(self._connection.ask(asked))

    def delegate(
        self, to: str, *, pause_id: str | None = None, comment: str | None = None
    ) -> RunStatus:
        """Let somebody else answer the run's question.

        Args:
            to: The name of a person or a group.
            pause_id: As for `claim`.
            comment: Why, for the history.

        Returns:
            The state of the run after that.

        Raises:
            ApiError: The server refused, as for `claim`; 400 for a name that is left out.
            Unanswered: The server was not reached.
        """
        asked = pause_calls.delegate(self.id, to, pause_id, comment)
        return reading.run_status(self._connection.ask(asked))

    def cancel(self, reason: str | None = None) -> None:
        """Ask the run to stop gracefully; no error if it is cancelled already.

        Args:
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 if the run has ended in another way.
            Unanswered: The server was not reached.
        """
        connection = self._connection
        connection.carry_out(stop("cancel", self.id, reason, connection.retry_for_s))

    def terminate(self, reason: str | None = None) -> None:
        """End the run at once; no error if it is terminated already.

        Args:
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 if the run has ended in another way.
            Unanswered: The server was not reached.
        """
        connection = self._connection
        connection.carry_out(stop("terminate", self.id, reason, connection.retry_for_s))

    def try_now(
        self, *, step_id: str | None = None, visit: int | None = None, reason: str | None = None
    ) -> None:
        """Start the next attempt of the waiting step now, or end its sleep.

        Args:
            step_id: Only while the run is in this step.
            visit: Only while it is in this visit of it.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 if the run does not wait in this way.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        call = repair_calls.repair("try-now", self.id, reason, stepId=step_id, visit=visit)
        self._connection.ask(call)

    def give_up(
        self, *, step_id: str | None = None, visit: int | None = None, reason: str | None = None
    ) -> None:
        """Make the step fail that waits for its next attempt, or sleeps.

        Args:
            step_id: Only while the run is in this step.
            visit: Only while it is in this visit of it.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 if the run does not wait in this way.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        call = repair_calls.repair("give-up", self.id, reason, stepId=step_id, visit=visit)
        self._connection.ask(call)

    def skip(
        self, step_id: str, output: object, *, visit: int | None = None, reason: str | None = None
    ) -> None:
        """Supply the output of a step that waits for an attempt, a moment or a signal.

        Args:
            step_id: The step.
            output: What it would have delivered; checked against its declared output.
            visit: Only while the run is in this visit of it.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 400 for an output that does not fit, 409 if the run
                is elsewhere.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        self._connection.ask(repair_calls.skip(self.id, step_id, output, visit, reason))

    def change_data(
        self,
        data: JsonObject | None = None,
        *,
        remove: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        """Change the data of the run while no step is at work; an open pause is asked again.

        Args:
            data: Fields to add or replace.
            remove: Names of fields to remove.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 400 for data that does not fit, 409 if a step is at
                work.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        more = {"data": dict(data or {}), "remove": list(remove)}
        self._connection.ask(repair_calls.repair("change-data", self.id, reason, **more))

    def rerun(  # noqa: PLR0913 - each by name
        self,
        step_id: str | None = None,
        *,
        visit: int | None = None,
        from_: Literal["failure", "start"] = "failure",
        data: JsonObject | None = None,
        version: str | None = None,
        keep_calls: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Run":
        """Rerun a run that has ended; the steps before the first one are not repeated.

        Args:
            step_id: The step to begin with; default: as `from_` says.
            visit: Which visit of the step; default: the last.
            from_: `failure`, from where it failed or was stopped, or `start`.
            data: Fields that replace those that the run had when it entered the step.
            version: Another version: a number, `latest` or `published`.
            keep_calls: Whether the results of calls that the step had finished are kept.
            reason: Why, for the history of the new run.
            idempotency_key: Requests with the same key give the same run; default: a new key.

        Returns:
            The new run.

        Raises:
            ApiError: The server refused: 400 for what does not fit, 409 if the run has not
                ended.
            Unanswered: The server was not reached.
        """
        again = repair_calls.Again(step_id, visit, from_, data, version, keep_calls, reason)
        found = self._connection.ask(repair_calls.rerun(self.id, again, idempotency_key))
        return Run(self._connection, reading.run_id(found))

    def hold(self, reason: str | None = None) -> None:
        """Let no step and no attempt begin until the run is released.

        Args:
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 if it is held already, or has ended.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        self._connection.ask(repair_calls.repair("hold", self.id, reason))

    def release(self, reason: str | None = None) -> None:
        """Let a held run continue.

        Args:
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 if it is not held.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        self._connection.ask(repair_calls.repair("release", self.id, reason))

    def events(self) -> Iterator[Event]:
        """Follow the run: its events from the start until it has ended, each once.

        Returns:
            The events; reading them raises `ApiError` or `Unanswered` if the stream cannot
            continue.
        """
        return self._connection.follow(self.id, {})
