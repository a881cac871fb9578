"""Reads requests on a connection: strict parsing, on uvicorn's class around httptools.

The parser is built for speed and accepts more than a server behind a proxy may: two hosts,
compressed transfers, old versions, headers of any length. Whatever two parsers could read
differently is refused here.
"""

from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.web.exchange import UNHEARD, Exchange, Flow
from app.web.known_head import KnownHead, Scope
from app.web.refusal import CHUNKED, Refused, must_be_one_request, no_http
from app.wire.parsing.arrived_body import CONNECTION
from app.wire.parsing.fields import fields_of

_LONGEST_HEADER = 65_536
"""The most bytes in a request line with its header fields, and again in trailers."""

_MOST_FRAMES = 8
"""The most framing bytes of a chunked body per byte of content: a one-byte chunk has six."""

_PIECE = 2_048
"""How many bytes are parsed at once, which also limits requests held ahead of their turn."""

_BLANK = b" \t"


class RequestReader(HttpToolsProtocol):
    """Parses what arrives, and begins an exchange for each request. Raises `Refused`."""

    cycle: Exchange | None  # type: ignore[assignment] # our class, and None at first
    flow: Flow

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type] # uvicorn's own
        self._rest = b""
        self._known_head = KnownHead()
        self._repeatable: Scope | None = None
        self._in_header = False
        self._in_body = False
        self._frame_bytes = 0
        self._framing = b""
        self._is_going_on = False

    def _serve(self, cycle: RequestResponseCycle) -> None:
        """Answer a request whose turn on the connection has come."""
        raise NotImplementedError

    @property
    def _is_serving(self) -> bool:
        """True while a request with a complete header has not been answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _read(self, data: bytes) -> None:
        """Read received bytes; `_rest` keeps what has to wait for earlier requests.

        Raises `Refused`.
        """
        is_new = not (self._in_header or self._in_body or self._is_serving)
        if is_new and (repeated := self._known_head.repeated(data)) is not None:
            scope, body = repeated
            self._begin(scope, expects=False, keep_alive=True)
            if body:
                self.on_body(body)
            self.on_message_complete()
            return
        self._repeatable = None
        self._rest = self._feed(data)
        is_whole = is_new and not (self._in_header or self._in_body or self._rest or self.pipeline)
        if is_whole and self._repeatable is not None and self.cycle is not None:
            self._known_head.note(data, self._repeatable, len(self.cycle.body))

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
        scope: Scope = {
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
        }
        keep_alive = version != "1.0" and self.parser.should_keep_alive()
        if keep_alive and not (expects or self.parser.should_upgrade() or framing == CHUNKED):
            fields_of(scope)
            self._repeatable = scope.copy()
        self._begin(scope, expects=expects, keep_alive=keep_alive)

    def _begin(self, scope: Scope, *, expects: bool, keep_alive: bool) -> None:
        """Begin an exchange, after the earlier ones."""
        previous = self.cycle
        self.cycle = Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            expect_100_continue=expects,
            keep_alive=keep_alive,
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
        """Record that the body is complete."""
        if self._framing:  # its body is still to come
            return
        self._in_body = False
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.more_body = False
            if cycle.message_event is not UNHEARD:
                cycle.message_event.set()

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
