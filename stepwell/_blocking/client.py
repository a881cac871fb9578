# Made by `make blocking-client` from stepwell/_asynchronous/client.py: change that file.
"""The client for threads: what is asked of a server."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._blocking.agents import Agents
from stepwell._blocking.connection import Connection
from stepwell._blocking.pauses import Pauses
from stepwell._blocking.run import Run
from stepwell._blocking.schedules import Schedules
from stepwell._blocking.triggers import Triggers
from stepwell._blocking.variables import Variables
from stepwell._blocking.views import Views
from stepwell._blocking.workflows import Workflows
from stepwell._documents import Event, Json, JsonObject, RunLine, RunPage, StatusName
from stepwell._selection import BulkAction, BulkCount, BulkPart, BulkRerun, RunFilter


class Client(Variables):
    """A Stepwell server, for programs that use threads or none.

    What is not given comes from the environment: STEPWELL_URL, STEPWELL_KEY with
    STEPWELL_TENANT, or STEPWELL_TOKEN. It is a context manager that closes itself.

    Args:
        url: Where the server is; `http://127.0.0.1:8080` without it.
        api_key: An API key of the tenant.
        tenant: Whose key it is; `default` without it.
        token: A signed token, instead of a key.
        retry_for_s: For how many seconds a call is tried again when the server is away or
            busy.
        timeout_s: How many seconds the server may take for one answer.

    Attributes:
        workflows: The definitions of the tenant.
        schedules: What the tenant has started at which times.
        triggers: What it has started when a request, a form or the end of a run comes.
        pauses: What waits for people.
        agents: The agents of the tenant, their replays, and what models cost.
        views: Views of the list of runs, the caller's own.

    Raises:
        NoCredentials: Neither a key nor a token is there.
    """

    def __init__(  # noqa: PLR0913 - each by name, and few give more than three
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        tenant: str | None = None,
        token: str | None = None,
        retry_for_s: float = 30,
        timeout_s: float = 30,
    ) -> None:
        server = calls.server(url, api_key, tenant, token)
        self._connection = Connection(server, retry_for_s, timeout_s)
        self.workflows = Workflows(self._connection)
        self.schedules = Schedules(self._connection)
        self.triggers = Triggers(self._connection)
        self.pauses = Pauses(self._connection)
        self.agents = Agents(self._connection)
        self.views = Views(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def request(
        self,
        method: str,
        path: str,
        json: Json = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """Ask for something of the API that has no call of its own here.

        Args:
            method: Such as `GET`; only that is sent again when its answer was lost.
            path: The address on the server, such as `/api/agents`.
            json: The body, where it takes one.
            query: What follows the `?` of the address, by name.

        Returns:
            The JSON of the answer.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached; whether it did what was asked is unknown.
        """
        return reading.anything(self._connection.ask(calls.plain(method, path, json, query)))

    def start(
        self,
        workflow_id: str,
        data: JsonObject,
        version: str | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run, once, however often the request has to be sent.

        Args:
            workflow_id: The workflow.
            data: The inputs.
            version: `latest`, `published` or a number such as `1.0.1`; without it the published
                one, or the latest where none is published.
            idempotency_key: Starts with the same key give the same run. Without one of yours,
                one is made for this call.

        Returns:
            The handle of the run.

        Raises:
            ApiError: The server refused, such as with 400 for inputs that do not fit.
            Unanswered: The server was not reached.
        """
        found = self._connection.ask(calls.start(workflow_id, data, version, idempotency_key))
        return Run(self._connection, reading.run_id(found))

    def start_with_file(
        self,
        workflow_id: str,
        data: JsonObject,
        file: Path | tuple[str, bytes],
        version: str | None = None,
        idempotency_key: str | None = None,
    ) -> Run:
        """Start a run with a file, once, however often the request has to be sent.

        Args:
            workflow_id: The workflow.
            data: The other inputs.
            file: A path, which is read at once, or a name and the content.
            version: As for `start`.
            idempotency_key: As for `start`.

        Returns:
            The handle of the run.

        Raises:
            ApiError: The server refused, such as with 413 for a file that is too large.
            OSError: The file cannot be read.
            Unanswered: The server was not reached.
        """
        call = calls.start_with_file(workflow_id, data, file, version, idempotency_key)
        found = self._connection.ask(call)
        return Run(self._connection, reading.run_id(found))

    def upload(self, file: Path | tuple[str, bytes]) -> str:
        """Keep a file, such as one that belongs to an answer.

        Args:
            file: A path, which is read at once, or a name and the content.

        Returns:
            The id of the file.

        Raises:
            ApiError: The server refused, such as with 413 for a file that is too large.
            OSError: The file cannot be read.
            Unanswered: The server was not reached; whether the file was kept is unknown.
        """
        return reading.file_id(self._connection.ask(calls.upload(file)))

    def send_signal(  # noqa: PLR0913 - each by name
        self,
        name: str,
        key: str = "",
        data: Json = None,
        *,
        signal_id: str | None = None,
        keep_for: str | None = None,
        to_all: bool = False,
    ) -> JsonObject:
        """Send a signal to the run that has waited longest for it, or the first that will.

        Args:
            name: The signal's name, such as `payment`.
            key: Which of that name, such as the number of an order.
            data: What it says.
            signal_id: Of one id only the first counts. Without one of yours, one is made for
                this call, so that it counts once however often it has to be sent.
            keep_for: How long it is kept for a run that does not wait yet, such as `1d`; an
                hour without it.
            to_all: Whether every run that waits now gets it, and no run later.

        Returns:
            A dict: `deliveredTo` are the runs that have taken it, `kept` whether it waits.

        Raises:
            ApiError: The server refused, such as with 429 where too many are kept.
            Unanswered: Whether it was kept is unknown.
        """
        call = calls.send_signal(
            name, key, data, signal_id=signal_id, keep_for=keep_for, to_all=to_all
        )
        return reading.document(self._connection.ask(call))

    def run(self, run_id: str) -> Run:
        """Return the handle of a run; the server is not asked yet.

        Args:
            run_id: The run.

        Returns:
            Its handle, also where no such run exists.
        """
        return Run(self._connection, run_id)

    def runs(  # noqa: PLR0913 - each by name
        self,
        *,
        status: StatusName | None = None,
        workflow_id: str | None = None,
        parent_run_id: str | None = None,
        since: str | datetime | None = None,
        until: str | datetime | None = None,
        top_level: bool = False,
        labels: Mapping[str, str] | None = None,
        text: str | None = None,
        which: RunFilter | None = None,
        page_size: int | None = None,
    ) -> Iterator[RunLine]:
        """List runs, newest first, over as many pages as it takes.

        Args:
            status: Only runs that stand so.
            workflow_id: Only runs of this workflow.
            parent_run_id: Only child runs of this run.
            since: Only runs that began at this moment or later: with a time zone, as ISO text
                or a `datetime`.
            until: Only runs that began before this moment, given in the same way.
            top_level: Only runs that no other run started.
            labels: Only runs with these labels, values by name.
            text: Only runs whose title or labels have these words, or words that begin so.
            which: In the place of all these, with what else a `RunFilter` may say.
            page_size: How many runs the server is asked for at once, 500 at most.

        Yields:
            One run after the other.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        also = (since, until, top_level, labels, text)
        which = which or RunFilter(status, workflow_id, parent_run_id, *also)
        cursor = None
        while True:
            page = self.run_page(which, page_size=page_size, cursor=cursor)
            for line in page.runs:
                yield line
            cursor = page.next_cursor
            if cursor is None:
                return

    def run_page(
        self, which: RunFilter, *, page_size: int | None = None, cursor: str | None = None
    ) -> RunPage:
        """List one page of runs, newest first.

        Args:
            which: Which runs are meant.
            page_size: How many runs at most, up to 500; 50 without it.
            cursor: Where the page begins: `next_cursor` of the page before.

        Returns:
            The page.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.run_page(self._connection.ask(calls.runs(which, page_size, cursor)))

    def inbox(self) -> Iterator[RunLine]:
        """List the runs that wait for a person, newest first.

        Returns:
            What `runs` gives for paused runs.
        """
        return self.runs(status="paused")

    def bulk(  # noqa: PLR0913 - each by name
        self,
        action: BulkAction,
        which: RunFilter,
        *,
        run_ids: Sequence[str] | None = None,
        reason: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        rerun: BulkRerun | None = None,
    ) -> BulkPart:
        """Stop, delete, repair or run again many runs, one bounded part a call.

        `delete` and `rerun` mean runs that have ended and are no children, all else those that
        have not. While `next_cursor` of the result is not None, ask again with it.

        Args:
            action: `cancel`, `terminate`, `delete`, `hold`, `release`, `tryNow`, `giveUp` or
                `rerun`.
            which: Which runs are meant.
            run_ids: Only these, 500 at most.
            reason: Why, for the history of the runs.
            limit: How many runs to look at, at most; 1,000 without it.
            cursor: Where this part begins: `next_cursor` of the part before.
            rerun: How they are run again, for that action.

        Returns:
            What was done.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached; asking again does no harm.
        """
        call = calls.bulk(
            action, which, run_ids, reason=reason, limit=limit, cursor=cursor, rerun=rerun
        )
        return reading.bulk_part(self._connection.ask(call))

    def bulk_count(
        self, action: BulkAction, which: RunFilter, *, run_ids: Sequence[str] | None = None
    ) -> BulkCount:
        """Count the runs that `bulk` would look at, and change nothing.

        Args:
            action: As for `bulk`.
            which: Which runs are meant.
            run_ids: Only these, 500 at most.

        Returns:
            How many there are, and a cursor that keeps `bulk` to these.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        call = calls.bulk(action, which, run_ids, dry_run=True)
        return reading.bulk_count(self._connection.ask(call))

    def events(
        self,
        *,
        from_: Literal["start", "now"] = "now",
        types: str | Sequence[str] | None = None,
        statuses: str | Sequence[str] | None = None,
        workflow_ids: str | Sequence[str] | None = None,
        parent_run_id: str | None = None,
    ) -> Iterator[Event]:
        """Follow all runs: their events as they happen, without end, each once.

        Args:
            from_: `start` for everything that there is, `now` for what is to come.
            types: Only events of these types, such as `run.completed`; `run.*` for all of a
                sort.
            statuses: Only events that lead a run to one of these statuses.
            workflow_ids: Only events of runs of these workflows.
            parent_run_id: Only events of the child runs of this run.

        Returns:
            The events; reading them raises `ApiError` or `Unanswered` where the stream cannot
            go on.
        """
        query = calls.events_query(from_, types, statuses, workflow_ids, parent_run_id)
        return self._connection.follow(None, query)
