# Made by `make blocking-client` from stepwell/_asynchronous/run.py: change that file.
"""The client for threads: what is asked of one run."""

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
        connection: The way to the server, made by the client.
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
            timeout: For how many seconds; without it, for as long as it takes.

        Returns:
            How it stands then.

        Raises:
            RunFailed: It has failed, or was cancelled (`RunCancelled`) or terminated
                (`RunTerminated`).
            WaitTimeout: It still runs, and goes on.
            ApiError: The server refused.
            Unanswered: The server was away for too long.
        """
        return self._connection.wait(self.id, timeout)

    def status(
        self, *, history_limit: int | None = None, history_cursor: str | None = None
    ) -> RunStatus:
        """Ask how the run stands.

        Args:
            history_limit: How many visits of steps the history has, the newest; 1,000 at most,
                and without it.
            history_cursor: For older ones, `history_cursor` of the status before.

        Returns:
            The status, with the history of its steps.

        Raises:
            ApiError: The server refused: 404 where there is no such run.
            Unanswered: The server was not reached.
        """
        asked = calls.status(self.id, history_limit, history_cursor)
        return reading.run_status(self._connection.ask(asked))

    def transcript(
        self, *, step_id: str | None = None, visit: int | None = None
    ) -> list[JsonObject]:
        """Read what models were asked and answered, what tools gave, what people decided.

        Args:
            step_id: The step that is meant; without it every step that has asked a model.
            visit: Which visit of the step; without it all.

        Returns:
            A conversation for each visit, with its `messages`, oldest first.

        Raises:
            ApiError: The server refused: 404 where there is no such run, or where transcripts are
                hidden.
            Unanswered: The server was not reached.
        """
        found = self._connection.ask(calls.transcript(self.id, step_id, visit))
        return reading.conversations(found)

    def explain(self, path: str, *, at: int | None = None) -> JsonObject:
        """Ask where a value came from, and what it reached.

        Args:
            path: Which value, such as `result.total` or `steps.pay.output.status`.
            at: As it was before the event of this number; without it, at the end.

        Returns:
            The value with its `chain`, the value itself first, and what it `reached`.

        Raises:
            ApiError: The server refused: 400 where the run has no such value.
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

        Without a `pause_id`, it answers what the run waits for when this is called. Where the
        server names its pauses, an answer counts once, however often it has to be sent.

        Args:
            data: The inputs, by the names of their fields.
            comment: What is said beside them, for the history.
            attachments: Ids of files that belong to the answer (`Client.upload`).
            pause_id: The pause that is meant, of `RunStatus.pause`; 409 if that is over.
            idempotency_key: Answers with the same key count once, and get the same reply.
                Without one of yours, one is made for this call.

        Returns:
            How the run stands then.

        Raises:
            ApiError: The server refused: 400 for data that does not fit, 409 where the run
                waits for something else.
            Unanswered: The server was not reached; whether the answer counts is unknown.
        """
        beside = calls.Beside(pause_id, idempotency_key, comment, attachments)
        flow = resuming.resume_inputs(self.id, data, beside, self._connection.retry_for_s)
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

        It looks what the run waits for when this is called; else like `resume_inputs`.

        Args:
            value: The value of the action, one of `PauseSignal.actions`.
            comment: Why, for the history.
            data: What the action asks for, by the names of its fields.
            attachments: As for `resume_inputs`.
            pause_id: As for `resume_inputs`.
            idempotency_key: As for `resume_inputs`.

        Returns:
            How the run stands then.

        Raises:
            NotPaused: The run waits for no action.
            ApiError: The server refused: 400 for an unknown value, 409 where the pause is
                over.
            Unanswered: The server was not reached; whether the answer counts is unknown.
        """
        beside = calls.Beside(pause_id, idempotency_key, comment, attachments)
        flow = resuming.resume_action(self.id, value, data, beside, self._connection.retry_for_s)
        return self._connection.carry_out(flow)

    def claim(self, *, pause_id: str | None = None, comment: str | None = None) -> RunStatus:
        """Take on what the run asks: nobody else answers it until it is released.

        Args:
            pause_id: The pause that is meant; the open one without it.
            comment: Why, for the history.

        Returns:
            How the run stands then.

        Raises:
            ApiError: The server refused: 403 where the caller may not answer or somebody else has
                claimed it, 409 where nothing is asked.
            Unanswered: The server was not reached.
        """
        asked = pause_calls.hold("claim", self.id, pause_id, comment)
        return reading.run_status(self._connection.ask(asked))

    def unclaim(self, *, pause_id: str | None = None, comment: str | None = None) -> RunStatus:
        """Let others answer what was claimed.

        Args:
            pause_id: As for `claim`.
            comment: Why, for the history.

        Returns:
            How the run stands then.

        Raises:
            ApiError: The server refused, as for `claim`.
            Unanswered: The server was not reached.
        """
        asked = pause_calls.hold("unclaim", self.id, pause_id, comment)
        return reading.run_status(self._connection.ask(asked))

    def delegate(
        self, to: str, *, pause_id: str | None = None, comment: str | None = None
    ) -> RunStatus:
        """Have somebody else answer what the run asks.

        Args:
            to: The name of a person or a group.
            pause_id: As for `claim`.
            comment: Why, for the history.

        Returns:
            How the run stands then.

        Raises:
            ApiError: The server refused, as for `claim`; 400 for a name that is left out.
            Unanswered: The server was not reached.
        """
        asked = pause_calls.delegate(self.id, to, pause_id, comment)
        return reading.run_status(self._connection.ask(asked))

    def cancel(self, reason: str | None = None) -> None:
        """Ask the run to stop in good order; one that is cancelled already is no failure.

        Args:
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 where the run has ended otherwise.
            Unanswered: The server was not reached.
        """
        connection = self._connection
        connection.carry_out(stop("cancel", self.id, reason, connection.retry_for_s))

    def terminate(self, reason: str | None = None) -> None:
        """End the run at once; one that is terminated already is no failure.

        Args:
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 where the run has ended otherwise.
            Unanswered: The server was not reached.
        """
        connection = self._connection
        connection.carry_out(stop("terminate", self.id, reason, connection.retry_for_s))

    def try_now(
        self, *, step_id: str | None = None, visit: int | None = None, reason: str | None = None
    ) -> None:
        """Make the next attempt of the step now that waits for it, or end its sleep.

        Args:
            step_id: Only while the run is in this step.
            visit: Only while it is in this visit of it.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 where the run does not wait so.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        call = repair_calls.repair("try-now", self.id, reason, stepId=step_id, visit=visit)
        self._connection.ask(call)

    def give_up(
        self, *, step_id: str | None = None, visit: int | None = None, reason: str | None = None
    ) -> None:
        """Have the step fail that waits for its next attempt, or sleeps.

        Args:
            step_id: Only while the run is in this step.
            visit: Only while it is in this visit of it.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 where the run does not wait so.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        call = repair_calls.repair("give-up", self.id, reason, stepId=step_id, visit=visit)
        self._connection.ask(call)

    def skip(
        self, step_id: str, output: object, *, visit: int | None = None, reason: str | None = None
    ) -> None:
        """Give the output of a step in its place, which waits for an attempt, a moment, a signal.

        Args:
            step_id: The step.
            output: What it would have delivered; checked against its declared output.
            visit: Only while the run is in this visit of it.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 400 for an output that does not fit, 409 where the run
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
        """Change the data of the run while it is at rest; an open pause is asked anew.

        Args:
            data: Fields that are put in, or replaced.
            remove: Names that are taken out.
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 400 for data that does not fit, 409 where a step is at
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
        """Run the run again that has ended; what the steps before did is not done again.

        Args:
            step_id: From this step; without it as `from_` says.
            visit: Which visit of the step; the last without it.
            from_: `failure`, from where it failed or was stopped, or `start`.
            data: Fields that replace those with which it entered the step.
            version: Another version: a number, `latest` or `published`.
            keep_calls: Whether the calls that the step had finished stand.
            reason: Why, for the history of the new run.
            idempotency_key: Requests with the same key give the same run; made without yours.

        Returns:
            The new run.

        Raises:
            ApiError: The server refused: 400 for what does not fit, 409 where the run has not
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
            ApiError: The server refused: 409 where it is held, or has ended.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        self._connection.ask(repair_calls.repair("hold", self.id, reason))

    def release(self, reason: str | None = None) -> None:
        """Let the run go on that is held.

        Args:
            reason: Why, for the history.

        Raises:
            ApiError: The server refused: 409 where it is not held.
            Unanswered: The server was not reached; whether it was done is unknown.
        """
        self._connection.ask(repair_calls.repair("release", self.id, reason))

    def events(self) -> Iterator[Event]:
        """Follow the run: its events from the start until it has ended, each once.

        Returns:
            The events; reading them raises `ApiError` or `Unanswered` where the stream cannot
            go on.
        """
        return self._connection.follow(self.id, {})
