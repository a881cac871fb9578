"""A collector that speaks OTLP over HTTP: it keeps the spans and log lines it receives."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Keeps spans as dicts with their attributes, and log lines with their text under `body`."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.headers: list[str | None] = []
        self.resources: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.headers.append(self.headers.get("x-team"))
                if self.path == "/v1/traces":
                    outer._take_spans(body)
                elif self.path == "/v1/logs":
                    outer._take_lines(body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take_spans(self, body: bytes) -> None:
        sent = ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            self.resources.add(_values(resource.resource.attributes)["service.name"])
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        {
                            "name": span.name,
                            "trace": span.trace_id.hex(),
                            "id": span.span_id.hex(),
                            "parent": span.parent_span_id.hex(),
                            "kind": span.kind,
                            "failed": span.status.code == 2,
                            "message": span.status.message,
                            "ns": span.end_time_unix_nano - span.start_time_unix_nano,
                            **_values(span.attributes),
                        }
                    )

    def _take_lines(self, body: bytes) -> None:
        sent = ExportLogsServiceRequest.FromString(body)
        for resource in sent.resource_logs:
            for scope in resource.scope_logs:
                for line in scope.log_records:
                    reported = {"body": line.body.string_value, "level": line.severity_text}
                    self.lines.append({**reported, **_values(line.attributes)})


def _values(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}
