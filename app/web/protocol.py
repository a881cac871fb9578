"""HTTP/1.1 on a connection: when requests are answered, and limits on a client's time.

`RequestReader` parses; uvicorn limits neither the time a client takes to send a header nor the
number of connections. The time limit for a body is applied where the body is read.
"""

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any

from starlette.types import Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.concurrency.fair_loop import FairLoop
from app.concurrency.first_go import FirstGo
from app.settings.server import Settings
from app.web.connection_pool import ConnectionPool
from app.web.exchange import Exchange, Flow
from app.web.likely_tenant import LikelyTenants, caller_of
from app.web.read_turns import ReadTurns
from app.web.refusal import Refused, answer_to
from app.web.request_reader import RequestReader

_STUCK_S = 60.0
"""How many seconds a client may leave a waiting answer unread."""


def protocol(
    settings: Settings, pool: ConnectionPool, fair_loop: FairLoop
) -> Callable[..., asyncio.Protocol]:
    """Return the factory of connection protocols; open connections are in `pool`."""
    return partial(
        HttpProtocol,
        header_timeout_s=settings.header_timeout,
        pool=pool,
        whose=LikelyTenants(fair_loop),
        first_go=FirstGo(copy_context()),
        read_turns=ReadTurns(),
    )


class HttpProtocol(RequestReader):
    """Refuses invalid HTTP/1.1, slow clients, and connections beyond the limit."""

    def __init__(
        self,
        *args: object,
        header_timeout_s: float,
        pool: ConnectionPool,
        whose: LikelyTenants,
        first_go: FirstGo[None],
        read_turns: ReadTurns,
        **named: object,
    ) -> None:
        super().__init__(*args, **named)
        self._header_timeout_s = header_timeout_s
        self._pool = pool
        self._whose = whose
        self._first_go = first_go
        self._read_turns = read_turns
        # uvicorn's layer looks at nothing but what a proxy says.
        self._direct = self.app.app if isinstance(self.app, ProxyHeadersMiddleware) else self.app
        self._due: Exchange | None = None
        self._is_parsing = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._idle_since_s = 0.0
        self._served: Exchange | None = None
        self._refusal: bytes | None = None
        self.waiting: set[asyncio.Future[Any]] = set()
        self.is_known = False

    @property
    def is_closing(self) -> bool:
        """True when the connection is closed or about to be."""
        return self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or turn it away."""
        super().connection_made(transport)
        self.flow = Flow(transport)
        if not self._pool.add(self):
            self._refuse(Refused("there are too many connections", 503, "Service unavailable"))
            return
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release whatever waits for a client that has disconnected."""
        self._header_timer = _stop(self._header_timer)
        self._stuck_timer = _stop(self._stuck_timer)
        self._idle_timer = _stop(self._idle_timer)
        for answer in tuple(self.waiting):
            answer.cancel()
        self._pool.remove(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Drop the connection at once, with everything not yet sent."""
        self.transport.abort()

    def break_off(self) -> None:
        """Close once everything sent is out; the client sees that the answer is not whole."""
        if self._served is not None:
            self._served.disconnected = True
        self.transport.close()

    def give_way(self) -> None:
        """Close, because another connection needs the place."""
        self.transport.close()

    def pause_writing(self) -> None:
        """Record that the client does not read; after a while the connection is dropped."""
        super().pause_writing()
        self._stuck_timer = self.loop.call_later(_STUCK_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Record that the client reads again."""
        self._stuck_timer = _stop(self._stuck_timer)
        super().resume_writing()

    def belongs(self, tenant: str) -> None:
        """Record that the current request comes from a known caller."""
        self.is_known = True
        if self._served is not None and self._whose.fair_loop.is_shared:
            self._whose.note(self._served.scope["headers"], tenant)

    def take_body(self) -> bytes | None:
        """Return the body of the current request if it has arrived completely; once only."""
        return self._served.arrived() if self._served is not None else None

    def answer(self, scope: Scope, status: int, lines: bytes, body: bytes) -> bool:
        """Send the whole answer to a request; return False if it must be sent by messages."""
        served = self._served
        return served is not None and served.scope is scope and served.answer(status, lines, body)

    def data_received(self, data: bytes) -> None:
        """Handle received bytes, and answer at once what needs no wait and has its turn."""
        self._is_parsing = True
        self._take(data)
        self._is_parsing = False
        due, self._due = self._due, None
        if due is None:
            return
        if due.may_begin is not None:
            if not due.may_begin():
                self._start_asgi_task(due, self.app)
                return
        elif due.scope["method"] == "GET" and self._whose.fair_loop.is_busy:
            caller = caller_of(due.scope["headers"])
            if not self._read_turns.may_begin(caller):
                self._read_turns.later(caller, partial(self._answer, due))
                return
        self._answer(due)

    def _answer(self, due: Exchange) -> None:
        app = self.app if due.is_forwarded else self._direct
        answering = self._first_go.start(due.run_asgi(app))
        if answering is not None:
            self.tasks.add(answering)
            answering.add_done_callback(self.tasks.discard)

    def _take(self, data: bytes) -> None:
        """Parse received bytes, and refuse anything that is not a valid request."""
        if self._refusal is not None or self.transport.is_closing():
            return
        if self._rest:
            self._rest += data
            return
        try:
            self._read(data)
        except Refused as refused:
            self._refuse(refused)
            return
        if self._is_serving:
            if self._header_timer is not None:
                self._header_timer = _stop(self._header_timer)
            self._pool.busy(self)
        else:
            self._await_header()

    def on_response_complete(self) -> None:
        """Continue with the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            cycle, _ = self.pipeline.pop()
            self._serve(cycle)
            return
        if self._rest:
            rest, self._rest = self._rest, b""
            self._take(rest)
            if self._is_serving:
                return
        if self._refusal is not None:
            self._end_with(self._refusal)
            return
        if self.flow.read_paused:
            self.flow.let_go()
        self._pool.idle(self)
        self._idle_since_s = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_if_idle)

    def _serve(self, cycle: RequestResponseCycle) -> None:
        assert isinstance(cycle, Exchange)  # noqa: S101 - no other class is used
        self._served = cycle
        if self._whose.fair_loop.is_shared:
            tenant = self._whose.tenant(cycle.scope["headers"])
            if tenant is not None:
                cycle.take_turns(self._whose.fair_loop, tenant)
        if self._is_parsing:
            self._due = cycle  # the part of its body that has arrived belongs to it
        else:
            self._start_asgi_task(cycle, self.app)

    def _await_header(self) -> None:
        # Further bytes do not restart it: the whole header has to arrive in time.
        if self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self._header_timeout_s, self._too_late)

    def _too_late(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing() and not self._is_serving:
            message = f"the header did not arrive within {self._header_timeout_s:g} seconds"
            self._refuse(Refused(message, 408, "Request timeout"))

    def _look_if_idle(self) -> None:
        """Close if nothing has arrived for a while; one timer per connection, not per request."""
        self._idle_timer = None
        if self._is_serving or self._header_timer is not None:
            return  # the end of the next answer restarts it
        left_s = self._idle_since_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._idle_timer = self.loop.call_later(left_s, self._look_if_idle)
        else:
            self.transport.close()

    def _refuse(self, refused: Refused) -> None:
        """Answer without the application and close, after the earlier requests."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._end_with(answer_to(refused))
        elif not self._in_body:
            self._refusal = answer_to(refused)
        elif self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
            self._refusal = answer_to(refused)
        else:  # the error is in the body
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.abort()
            else:
                self._end_with(answer_to(refused))

    def _end_with(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()


def _stop(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, and return its replacement: None."""
    if timer is not None:
        timer.cancel()
    return None
