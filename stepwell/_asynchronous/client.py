"""The client for asyncio: the calls to a server."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import stepwell._calls as calls
import stepwell._reading as reading
from stepwell._asynchronous.agents import AsyncAgents
from stepwell._asynchronous.connection import AsyncConnection
from stepwell._asynchronous.pauses import AsyncPauses
from stepwell._asynchronous.run import AsyncRun
from stepwell._asynchronous.schedules import AsyncSchedules
from stepwell._asynchronous.search import AsyncSearch
from stepwell._asynchronous.triggers import AsyncTriggers
from stepwell._asynchronous.variables import AsyncVariables
from stepwell._asynchronous.views import AsyncViews
from stepwell._asynchronous.workflows import AsyncWorkflows
from stepwell._documents import Event, Json, JsonObject, RunLine, RunPage, StatusName
from stepwell._selection import BulkAction, BulkCount, BulkPart, BulkRerun, RunFilter
from stepwell._server import server_of


class AsyncClient(AsyncSearch, AsyncVariables):
    """A Stepwell server, for programs that use asyncio.

    Arguments that are not given come from the environment: STEPWELL_URL, STEPWELL_KEY with
    STEPWELL_TENANT, or STEPWELL_TOKEN. It is a context manager that closes itself.

    Args:
        url: The address of the server; default: `http://127.0.0.1:8080`.
        api_key: An API key of the tenant.
        tenant: The tenant of the key; default: `default`.
        token: A signed token, instead of a key.
        retry_for_s: For how many seconds a call is retried if the server is away or busy.
        timeout_s: How many seconds the server may take for one answer.

    Attributes:
        workflows: The definitions of the tenant.
        schedules: The tenant's schedules, which start runs at set times.
        triggers: The tenant's triggers: requests, forms and ends of runs that start runs.
        pauses: The pauses that wait for people.
        agents: The agents of the tenant, their replays, and the costs of models.
        views: The caller's own views of the list of runs.

    Raises:
        NoCredentials: There is no key and no token that could be sent.
        WrongAddress: The address is not one that can be asked.
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
        server = server_of(url, api_key, tenant, token)
        self._connection = AsyncConnection(server, retry_for_s, timeout_s)
        self.workflows = AsyncWorkflows(self._connection)
        self.schedules = AsyncSchedules(self._connection)
        self.triggers = AsyncTriggers(self._connection)
        self.pauses = AsyncPauses(self._connection)
        self.agents = AsyncAgents(self._connection)
        self.views = AsyncViews(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def request(
        self,
        method: str,
        path: str,
        json: Json = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """Call an address of the API that has no method of its own here.

        Args:
            method: Such as `GET`; only a GET is sent again if its answer was lost.
            path: The path on the server, such as `/api/agents`.
            json: The body, if it takes one.
            query: The query parameters, by name.

        Returns:
            The JSON of the answer.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached; whether the request had its effect is unknown.
        """
        return reading.anything(await self._connection.ask(calls.plain(method, path, json, query)))

    async def start(
        self,
        workflow_id: str,
        data: JsonObject,
        version: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncRun:
        """Start a run, once, however often the request has to be sent.

        Args:
            workflow_id: The workflow.
            data: The inputs.
            version: `latest`, `published` or a number such as `1.0.1`; default: the
                published one, or the latest if none is published.
            idempotency_key: Starts with the same key give the same run. By default
                a key is made for this call.

        Returns:
            The handle of the run.

        Raises:
            ApiError: The server refused, for example 400 for inputs that do not fit.
            Unanswered: The server was not reached.
        """
        found = await self._connection.ask(calls.start(workflow_id, data, version, idempotency_key))
        return AsyncRun(self._connection, reading.run_id(found))

    async def start_with_file(
        self,
        workflow_id: str,
        data: JsonObject,
        file: Path | tuple[str, bytes],
        version: str | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncRun:
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
            ApiError: The server refused, for example 413 for a file that is too large.
            OSError: The file cannot be read.
            Unanswered: The server was not reached.
        """
        call = calls.start_with_file(workflow_id, data, file, version, idempotency_key)
        found = await self._connection.ask(call)
        return AsyncRun(self._connection, reading.run_id(found))

    async def upload(self, file: Path | tuple[str, bytes]) -> str:
        """Upload a file, for example one that belongs to an answer.

        Args:
            file: A path, which is read at once, or a name and the content.

        Returns:
            The id of the file.

        Raises:
            ApiError: The server refused, for example 413 for a file that is too large.
            OSError: The file cannot be read.
            Unanswered: The server was not reached; whether the file was stored is unknown.
        """
        return reading.file_id(await self._connection.ask(calls.upload(file)))

    async def send_signal(  # noqa: PLR0913 - each by name
        self,
        name: str,
        key: str = "",
        data: Json = None,
        *,
        signal_id: str | None = None,
        keep_for: str | None = None,
        to_all: bool = False,
    ) -> JsonObject:
        """Send a signal to the run that has waited longest, or to the first that will wait.

        Args:
            name: The signal's name, such as `payment`.
            key: Distinguishes signals of one name, such as an order number.
            data: The content of the signal.
            signal_id: Only the first signal with an id counts. By default an id is made for
                this call, so that it counts once however often it has to be sent.
            keep_for: How long it is kept until a run waits for it, such as `1d`;
                default: an hour.
            to_all: Whether every run that waits now gets it, and no run later.

        Returns:
            A dict: `deliveredTo` lists the runs that received it, `kept` says whether it waits.

        Raises:
            ApiError: The server refused, for example 429 if too many are kept.
            Unanswered: Whether it was kept is unknown.
        """
        call = calls.send_signal(
            name, key, data, signal_id=signal_id, keep_for=keep_for, to_all=to_all
        )
        return reading.document(await self._connection.ask(call))

    def run(self, run_id: str) -> AsyncRun:
        """Return the handle of a run, without asking the server.

        Args:
            run_id: The run.

        Returns:
            Its handle, even if no such run exists.
        """
        return AsyncRun(self._connection, run_id)

    async def runs(  # noqa: PLR0913 - each by name
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
    ) -> AsyncIterator[RunLine]:
        """List runs, newest first, and fetch as many pages as needed.

        Args:
            status: Only runs with this status.
            workflow_id: Only runs of this workflow.
            parent_run_id: Only child runs of this run.
            since: Only runs that began at this moment or later: with a time zone, as ISO text
                or a `datetime`.
            until: Only runs that began before this moment, given in the same way.
            top_level: Only runs that no other run started.
            labels: Only runs with these labels, values by name.
            text: Only runs whose title or labels have these words or beginnings of words.
            which: Instead of all these: a `RunFilter`, which has more fields.
            page_size: How many runs are fetched at once, 500 at most.

        Yields:
            The runs, one after the other.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        also = (since, until, top_level, labels, text)
        which = which or RunFilter(status, workflow_id, parent_run_id, *also)
        cursor = None
        while True:
            page = await self.run_page(which, page_size=page_size, cursor=cursor)
            for line in page.runs:
                yield line
            cursor = page.next_cursor
            if cursor is None:
                return

    async def run_page(
        self, which: RunFilter, *, page_size: int | None = None, cursor: str | None = None
    ) -> RunPage:
        """List one page of runs, newest first.

        Args:
            which: The filter for the runs.
            page_size: How many runs at most, up to 500; default: 50.
            cursor: `next_cursor` of the page before.

        Returns:
            The page.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.run_page(await self._connection.ask(calls.runs(which, page_size, cursor)))

    async def processes(self) -> JsonObject:
        """List the server processes that share the journal, and what waits for them.

        Returns:
            A dict as `GET /api/processes` answers.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        return reading.document(
            await self._connection.ask(calls.plain("GET", "/api/processes", None, None))
        )

    def inbox(self) -> AsyncIterator[RunLine]:
        """List the runs that wait for a person, newest first.

        Returns:
            What `runs` returns for paused runs.
        """
        return self.runs(status="paused")

    async def bulk(  # noqa: PLR0913 - each by name
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
        """Stop, delete, repair or rerun many runs, one limited part per call.

        `delete` and `rerun` apply to runs that have ended and are not child runs, all other
        actions to runs that have not ended. Call again with the `next_cursor` of the result
        until it is None.

        Args:
            action: `cancel`, `terminate`, `delete`, `hold`, `release`, `tryNow`, `giveUp` or
                `rerun`.
            which: The filter for the runs.
            run_ids: Only these runs, 500 at most.
            reason: Why, for the history of the runs.
            limit: The greatest number of runs to look at; default: 1,000.
            cursor: `next_cursor` of the part before.
            rerun: How the runs are rerun, for that action.

        Returns:
            What was done.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached; a repeated call does no harm.
        """
        call = calls.bulk(
            action, which, run_ids, reason=reason, limit=limit, cursor=cursor, rerun=rerun
        )
        return reading.bulk_part(await self._connection.ask(call))

    async def bulk_count(
        self, action: BulkAction, which: RunFilter, *, run_ids: Sequence[str] | None = None
    ) -> BulkCount:
        """Count the runs that `bulk` would look at, and change nothing.

        Args:
            action: As for `bulk`.
            which: The filter for the runs.
            run_ids: Only these runs, 500 at most.

        Returns:
            How many there are, and a cursor that limits `bulk` to these.

        Raises:
            ApiError: The server refused.
            Unanswered: The server was not reached.
        """
        call = calls.bulk(action, which, run_ids, dry_run=True)
        return reading.bulk_count(await self._connection.ask(call))

    def events(
        self,
        *,
        from_: Literal["start", "now"] = "now",
        types: str | Sequence[str] | None = None,
        statuses: str | Sequence[str] | None = None,
        workflow_ids: str | Sequence[str] | None = None,
        parent_run_id: str | None = None,
    ) -> AsyncIterator[Event]:
        """Follow all runs: their events as they happen, without end, each once.

        Args:
            from_: `start` for all events that exist, `now` for new events only.
            types: Only events of these types, such as `run.completed`; `run.*` for all of
                a group.
            statuses: Only events that lead a run to one of these statuses.
            workflow_ids: Only events of runs of these workflows.
            parent_run_id: Only events of the child runs of this run.

        Returns:
            The events; reading them raises `ApiError` or `Unanswered` if the stream cannot
            continue.
        """
        query = calls.events_query(from_, types, statuses, workflow_ids, parent_run_id)
        return self._connection.follow(None, query)
