"""The connections of the client for asyncio: sends, reads and waits."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar

import httpx

import stepwell._calls as calls
from stepwell._documents import Event, RunStatus
from stepwell._events import EventStream
from stepwell._flow import Answer, Close, Flow, Open, Opened, Operation, Read, Send, Sleep, ask
from stepwell._server import Server
from stepwell._waiting import Waiting

T = TypeVar("T")


class AsyncConnection:
    """The connections to a server, and the actions of a call."""

    def __init__(self, server: Server, retry_for_s: float, timeout_s: float) -> None:
        self._http = httpx.AsyncClient(
            base_url=server.url, headers=dict(server.headers), timeout=timeout_s
        )
        self._timeout_s = timeout_s
        self.retry_for_s = retry_for_s

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, call: calls.Call) -> Any:
        """Send a request, with retries, and return the JSON of its answer."""
        return await self.carry_out(ask(call, self.retry_for_s))

    async def follow(self, run_id: str | None, query: Mapping[str, str]) -> AsyncIterator[Event]:
        """Return the events of one or all runs; reconnect as often as needed."""
        stream = EventStream(lambda last: calls.events(run_id, query, last), self.retry_for_s)
        try:
            while (event := await self.carry_out(stream.next_event())) is not None:
                yield event
        finally:
            if stream.opened is not None:
                await stream.opened.response.aclose()

    async def wait(self, run_id: str, timeout_s: float | None) -> RunStatus:
        """Wait until a run has completed or pauses."""
        waiting = Waiting(run_id, timeout_s, self.retry_for_s)
        try:
            return await self.carry_out(waiting.flow())
        finally:
            if waiting.stream.opened is not None:
                await waiting.stream.opened.response.aclose()

    async def carry_out(self, flow: Flow[T]) -> T:
        """Carry out the actions that a flow asks for, until it returns its result."""
        try:
            operation = next(flow)
            while True:
                try:
                    done = await self._do(operation)
                except httpx.TransportError as lost:
                    operation = flow.throw(lost)
                else:
                    operation = flow.send(done)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _do(self, operation: Operation) -> Answer | Opened | bytes | None:
        match operation:
            case Send(call):
                found = await self._http.send(self._request(call, self._timeout_s))
                return Answer(found.status_code, found.headers, found.content)
            case Open(call, read_timeout_s):
                found = await self._http.send(self._request(call, read_timeout_s), stream=True)
                is_stream = found.status_code == httpx.codes.OK
                body = b"" if is_stream else await found.aread()
                answer = Answer(found.status_code, found.headers, body)
                return Opened(answer, found, found.aiter_bytes())
            case Read(opened):
                return await anext(opened.chunks, b"")  # type: ignore[arg-type]
            case Close(opened):
                await opened.response.aclose()
            case Sleep(seconds):
                await asyncio.sleep(seconds)
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
