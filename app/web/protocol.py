"""HTTP/1.1 on a connection: strict parsing, and limits on a client's time.

httptools parses and uvicorn calls the application. The parser is built for speed and accepts more
than a server behind a proxy may: two hosts, compressed transfers, old versions, headers of any
length. Whatever two parsers could read differently is refused here. uvicorn limits neither the time
a client takes to send a header nor the number of connections. The time limit for a body is applied
where the body is read.
"""

import asyncio
import functools
from collections.abc import Callable
from contextvars import copy_context
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.concurrency.fair_loop import FairLoop
from app.concurrency.first_go import FirstGo
from app.settings.server import Settings
from app.web.connection_pool import ConnectionPool
from app.web.exchange import UNHEARD, Exchange, Flow
from app.web.refusal import Refused, answer_to, must_be_one_request, no_http
from app.web.whose import Whose
from app.wire.parsing.arrived_body import CONNECTION

_LONGEST_HEADER = 65_536
"""The most bytes in a request line with its header fields, and again in trailers."""

_MOST_FRAMES = 8
"""The most framing bytes of a chunked body per byte of content: a one-byte chunk has six."""

_PIECE = 2_048
"""How many bytes are parsed at once, which also limits requests held ahead of their turn."""

_STUCK_S = 60.0
"""How many seconds a client may leave a waiting answer unread."""

_BLANK = b" \t"


def protocol(settings: Settings, most: int, fair_loop: FairLoop) -> Callable[..., asyncio.Protocol]:
    """Return the factory of connection protocols; at most `most` connections may be open."""
    return functools.partial(
        HttpProtocol,
        header_timeout_s=settings.header_timeout,
        pool=ConnectionPool(most),
        whose=Whose(fair_loop),
        first_go=FirstGo(copy_context()),
    )


class HttpProtocol(HttpToolsProtocol):
    """Refuses invalid HTTP/1.1, slow clients, and connections beyond the limit."""

    cycle: Exchange | None  # type: ignore[assignment] # our class, and None at first
    flow: Flow

    def __init__(
        self,
        *args: object,
        header_timeout_s: float,
        pool: ConnectionPool,
        whose: Whose,
        first_go: FirstGo[None],
        **named: object,
    ) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type] # uvicorn's own
        self._header_timeout_s = header_timeout_s
        self._pool = pool
        self._whose = whose
        self._first_go = first_go
        self._due: Exchange | None = None
        self._is_parsing = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._stuck_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._idle_since_s = 0.0
        self._served: Exchange | None = None
        self._refusal: bytes | None = None
        self._rest = b""
        self._in_header = False
        self._in_body = False
        self._frame_bytes = 0
        self._framing = b""
        self._is_going_on = False
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

    def give_way(self) -> None:
        """Close, because another connection needs the place."""
        self.transport.close()

    def pause_writing(self) -> None:
        """Note that the client does not read; after a while the connection is dropped."""
        super().pause_writing()
        self._stuck_timer = self.loop.call_later(_STUCK_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._stuck_timer = _stop(self._stuck_timer)
        super().resume_writing()

    def belongs(self, tenant: str) -> None:
        """Note that the current request comes from a known caller."""
        self.is_known = True
        if self._served is not None and self._whose.fair_loop.is_shared:
            self._whose.note(self._served.scope["headers"], tenant)

    def take_body(self) -> bytes | None:
        """Return the body of the current request if it has arrived completely; once only."""
        return self._served.arrived() if self._served is not None else None

    def data_received(self, data: bytes) -> None:
        """Handle received bytes, and answer at once what needs no wait and has its turn."""
        self._is_parsing = True
        self._take(data)
        self._is_parsing = False
        due, self._due = self._due, None
        if due is not None and not due.may_begin():
            self._start_asgi_task(due, self.app)
        elif due is not None:
            answering = self._first_go.start(due.run_asgi(self.app))
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
            self._rest = self._feed(data)
        except Refused as refused:
            self._refuse(refused)
            return
        if self._is_serving:
            self._header_timer = _stop(self._header_timer)
            self._pool.busy(self)
        else:
            self._await_header()

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._is_going_on:
            return
        self._in_header = True
        self._frame_bytes = 0
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """Handle a piece of the target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Handle a header field."""
        if self._in_header:  # otherwise a trailer, which is ignored
            self.headers.append((name.lower(), value.rstrip(_BLANK)))

    def on_headers_complete(self) -> None:
        """Start answering a request, after earlier ones. Raises `Refused`."""
        if self._is_going_on:
            return
        self._in_header = False
        self._frame_bytes = 0
        version = self.parser.get_http_version()
        framing, expects = must_be_one_request(version, self.headers)
        self._framing = framing if self.parser.should_upgrade() else b""
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        previous = self.cycle
        self.cycle = Exchange(
            scope={
                "type": "http",
                "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
                "http_version": version,
                "server": self.server,
                "client": self.client,
                "scheme": self.scheme,
                "root_path": self.root_path,
                "headers": self.headers,
                "state": self.app_state.copy(),
                "method": self.parser.get_method().decode("ascii"),
                "path": self.root_path + (unquote(path) if "%" in path else path),
                "raw_path": self.root_path.encode("ascii") + raw_path,
                "query_string": query,
                CONNECTION: self,
            },
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            expect_100_continue=expects,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self._in_body = True
        if previous is None or previous.response_complete:
            self._serve(self.cycle)
        else:
            self.flow.hold()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        """Handle a piece of the body."""
        self._frame_bytes -= _MOST_FRAMES * len(body)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            if cycle.message_event is not UNHEARD:
                cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Note that the body is complete."""
        if self._framing:  # its body is still to come
            return
        self._in_body = False
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.more_body = False
            if cycle.message_event is not UNHEARD:
                cycle.message_event.set()

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
        self.flow.let_go()
        self._pool.idle(self)
        self._idle_since_s = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_if_idle)

    @property
    def _is_serving(self) -> bool:
        """True while a request with a complete header has not been answered."""
        return self.cycle is not None and not self.cycle.response_complete

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

    def _feed(self, data: bytes) -> bytes:
        """Parse received bytes, a few requests ahead at most; return the rest. Raises `Refused`."""
        at = 0
        while at < len(data):
            if self.pipeline:
                return data[at:]
            piece = data[at : at + _PIECE] if at or len(data) > _PIECE else data
            at += len(piece)
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as asked:
                # Upgrades are not supported: what follows is the body, or the next request.
                at += asked.args[0] - len(piece)
                self._parse_anew()
            except httptools.HttpParserCallbackError as failed:
                cause = failed.__context__
                raise cause if isinstance(cause, Refused) else no_http() from failed
            except httptools.HttpParserError as wrong:
                raise no_http() from wrong
            if self._in_header or self._in_body:
                self._count(len(piece))
        return b""

    def _parse_anew(self) -> None:
        """Continue with a new parser that knows only the body's length, not the upgrade."""
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        if self._framing:
            framing, self._framing = self._framing, b""
            self._is_going_on = True
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
            self._is_going_on = False

    def _count(self, more: int) -> None:
        """Limit incomplete data: a header, frames of chunks, trailers."""
        self._frame_bytes += more
        if self._frame_bytes > _LONGEST_HEADER:
            raise Refused(f"the header is longer than {_LONGEST_HEADER:,} bytes")

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
