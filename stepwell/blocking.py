"""The client for threads."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from stepwell import calls
from stepwell.documents import Event, RunLine, RunStatus
from stepwell.errors import NotPaused
from stepwell.events import EventStream
from stepwell.flow import Answer, Close, Flow, Open, Opened, Read, Send, Sleep, Wish, ask
from stepwell.stopping import stop
from stepwell.waiting import Waiting

T = TypeVar("T")


class Client:
    """A Stepwell server.

    What is not given comes from STEPWELL_URL, STEPWELL_KEY with STEPWELL_TENANT, or
    STEPWELL_TOKEN.

    Args:
        url: Where the server is, such as `http://127.0.0.1:8080`.
        api_key: An API key of the tenant.
        tenant: Whose key it is.
        token: A signed token, instead of a key.
        retry_for_s: For how long a call is tried again when the server is away or busy.
        timeout_s: How long the server may take for one answer.
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
        self._http = httpx.Client(
            base_url=server.url, headers=dict(server.headers), timeout=timeout_s
        )
        self._timeout_s = timeout_s
        self.retry_for_s = retry_for_s
        self.workflows = Workflows(self)

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
        self._http.close()

    def start(
        self,
        workflow_id: str,
        data: Mapping[str, Any],
        version: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Run":
        """Start a run, once, however often the request has to be sent.

        Without a key of yours, one is made for this call. Raises `ApiError`, `Unanswered`.
        """
        found = self.ask(calls.start(workflow_id, data, version, idempotency_key))
        return Run(self, found["runId"])

    def start_with_file(
        self,
        workflow_id: str,
        data: Mapping[str, Any],
        file: Path | tuple[str, bytes],
        version: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Run":
        """Start a run with a file, a path or its name and content; else like `start`."""
        call = calls.start_with_file(workflow_id, data, file, version, idempotency_key)
        found = self.ask(call)
        return Run(self, found["runId"])

    def run(self, run_id: str) -> "Run":
        """Return the handle of a run; nothing is asked yet."""
        return Run(self, run_id)

    def runs(self, **query: Any) -> Iterator[RunLine]:
        """Return all runs, newest first, a page at a time.

        `query` may have `status`, `workflowId`, `parentRunId`, `since`, `until` and `limit`,
        which is the size of a page.
        """
        cursor = None
        while True:
            page = self.ask(calls.runs(query, cursor))
            for found in page["runs"]:
                yield RunLine.of(found)
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def inbox(self) -> Iterator[RunLine]:
        """Return the runs that wait for a person."""
        return self.runs(status="paused")

    def events(self, **query: Any) -> Iterator[Event]:
        """Return the events of all runs as they happen, without end.

        `query` may have `from` (`start` or `now`), `type`, `status`, `workflowId` and
        `parentRunId`.
        """
        return self.follow(None, query)

    def ask(self, call: calls.Call) -> Any:
        """Send a request, with retries, and return the JSON of its answer."""
        return self.carry_out(ask(call, self.retry_for_s))

    def follow(self, run_id: str | None, query: Mapping[str, Any]) -> Iterator[Event]:
        """Return the events of a run, or of all, over as many connections as it takes."""
        stream = EventStream(lambda last: calls.events(run_id, query, last), self.retry_for_s)
        try:
            while (event := self.carry_out(stream.next_event())) is not None:
                yield event
        finally:
            if stream.opened is not None:
                stream.opened.response.close()

    def wait(self, run_id: str, timeout: float | None) -> RunStatus:
        """Wait for a run; see `Run.wait`."""
        waiting = Waiting(run_id, timeout, self.retry_for_s)
        try:
            return self.carry_out(waiting.flow())
        finally:
            if waiting.stream.opened is not None:
                waiting.stream.opened.response.close()

    def stop(self, verb: str, run_id: str, reason: str | None) -> None:
        """Cancel or terminate a run."""
        self.carry_out(stop(verb, run_id, reason, self.retry_for_s))

    def carry_out(self, flow: Flow[T]) -> T:
        """Do what a flow asks for until it has its result."""
        try:
            wish = next(flow)
            while True:
                try:
                    done = self._do(wish)
                except httpx.TransportError as lost:
                    wish = flow.throw(lost)
                else:
                    wish = flow.send(done)
        except StopIteration as end:
            result: T = end.value
            return result

    def _do(self, wish: Wish) -> Answer | Opened | bytes | None:
        match wish:
            case Send(call):
                found = self._http.send(self._request(call, self._timeout_s))
                return Answer(found.status_code, found.headers, found.content)
            case Open(call, read_timeout_s):
                found = self._http.send(self._request(call, read_timeout_s), stream=True)
                is_stream = found.status_code == httpx.codes.OK
                body = b"" if is_stream else found.read()
                answer = Answer(found.status_code, found.headers, body)
                return Opened(answer, found, found.iter_bytes() if is_stream else iter(()))
            case Read(opened):
                return next(opened.chunks, b"")  # type: ignore[arg-type]
            case Close(opened):
                opened.response.close()
            case Sleep(seconds):
                time.sleep(seconds)
        return None

    def _request(self, call: calls.Call, read_timeout_s: float) -> httpx.Request:
        return self._http.build_request(
            call.method,
            call.path,
            json=call.json,
            params=call.query,
            headers=call.headers,
            data=call.form,
            files={"attachment": call.file} if call.file else None,
            timeout=httpx.Timeout(self._timeout_s, read=read_timeout_s),
        )


class Run:
    """The handle of a run."""

    def __init__(self, client: Client, run_id: str) -> None:
        self._client = client
        self.id = run_id

    def wait(self, timeout: float | None = None) -> RunStatus:
        """Return the status when the run has completed or waits for a person.

        Args:
            timeout: Seconds; without it, for as long as it takes.

        Raises:
            RunFailed: It has failed, or was cancelled or terminated.
            WaitTimeout: It still runs, and goes on.
        """
        return self._client.wait(self.id, timeout)

    def status(self) -> RunStatus:
        """Return how the run stands."""
        return RunStatus.of(self._client.ask(calls.status(self.id)))

    def resume_inputs(self, data: Mapping[str, Any]) -> RunStatus:
        """Answer a pause that asks for inputs. It is not sent again when the answer is lost."""
        return RunStatus.of(self._client.ask(calls.resume_inputs(self.id, data)))

    def resume_action(self, value: str, comment: str | None = None) -> RunStatus:
        """Answer the pause that asks for an action now. Raises `NotPaused`, `ApiError`."""
        signal = self.status().pause
        if signal is None or signal.action_id is None:
            raise NotPaused(f"run {self.id} waits for no action")
        call = calls.resume_action(self.id, signal, value, comment)
        return RunStatus.of(self._client.ask(call))

    def cancel(self, reason: str | None = None) -> None:
        """Ask the run to stop in good order; one that is cancelled already is no failure."""
        self._client.stop("cancel", self.id, reason)

    def terminate(self, reason: str | None = None) -> None:
        """End the run at once; one that is terminated already is no failure."""
        self._client.stop("terminate", self.id, reason)

    def events(self) -> Iterator[Event]:
        """Return the events from the run's start until it has ended, each once."""
        return self._client.follow(self.id, {})


class Workflows:
    """The definitions of the tenant, as JSON documents."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, **query: Any) -> Any:
        """List them: `search`, `status`, `includeArchived`, `limit`, `offset`."""
        return self._client.ask(calls.workflows("GET", query=query))

    def get(self, workflow_id: str, version: str | None = None) -> Any:
        """Return a version: `latest`, `published` or a number."""
        call = calls.workflows("GET", workflow_id, query={"version": version})
        return self._client.ask(call)

    def create(self, definition: Mapping[str, Any]) -> Any:
        """Create one."""
        return self._client.ask(calls.workflows("POST", json=dict(definition)))

    def update(self, workflow_id: str, changes: Mapping[str, Any]) -> Any:
        """Store the next version; keys that are given replace those of the newest."""
        return self._client.ask(calls.workflows("PUT", workflow_id, json=dict(changes)))

    def publish(self, workflow_id: str, version: str | None = None) -> Any:
        """Publish a version, the newest when none is given."""
        body = {"version": version} if version else {}
        return self._client.ask(calls.workflows("POST", workflow_id, "publish", json=body))

    def archive(self, workflow_id: str) -> Any:
        """Archive one."""
        return self._client.ask(calls.workflows("DELETE", workflow_id))
