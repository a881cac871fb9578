"""Sends traces and logs to a collector over OTLP/HTTP, from a thread of the library.

The library is imported only if an address is set. It batches, sends every second, and drops what an
unavailable or slow collector cannot take, so nothing waits for it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from app.settings.extras import extra
from app.settings.network_values import header_pairs
from app.settings.server import Settings
from app.telemetry.traces import Kind, Span

_EVERY_MS = 1_000
_PATIENCE_S = 5.0
_MOST_WAITING = 10_000
_MS = 1_000_000
_LONGEST = 4_000


class OtlpExporter:
    """Sends spans and log lines."""

    def __init__(self, settings: Settings, proxy: str | None = None) -> None:
        """Start the exporter, which reaches the collector through a proxy if there is one.

        Raises `ExtraMissing`.
        """
        self._has_content = settings.otlp_content
        with extra("otel", "otlp_endpoint"):
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto import http  # noqa: F401
            from opentelemetry.sdk import resources
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        self._trace = trace
        name = settings.otlp_service_name
        self._resource = resources.Resource.create({"service.name": name})
        self._spans = _spans(settings, proxy) if settings.otlp_traces else None
        self._logs = _logs(settings, self._resource, proxy) if settings.otlp_logs else None

    @property
    def has_content(self) -> bool:
        """Whether spans of models and tools include questions and answers."""
        return self._has_content

    @property
    def takes_spans(self) -> bool:
        """Whether spans are sent."""
        return self._spans is not None

    @property
    def line(self) -> "Callable[[Mapping[str, Any]], None] | None":
        """A function that takes log lines; None if logs are not sent."""
        return None if self._logs is None else self._line

    def span(self, span: Span) -> None:
        """Take a span; spans beyond the queue's capacity are dropped."""
        if self._spans is None:
            return
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        api = self._trace
        status = api.Status(api.StatusCode.UNSET)
        if span.error is not None:
            status = api.Status(api.StatusCode.ERROR, span.error[:_LONGEST])
        self._spans.on_end(
            ReadableSpan(
                span.name,
                context=self._context(span.trace, span.id),
                parent=self._context(span.trace, span.parent) if span.parent else None,
                resource=self._resource,
                attributes=span.attributes,
                kind=_kinds(api)[span.kind],
                status=status,
                start_time=span.began_ms * _MS,
                end_time=max(span.ended_ms, span.began_ms) * _MS,
                instrumentation_scope=InstrumentationScope("stepwell"),
            )
        )

    def _context(self, trace: str, span: str) -> Any:
        api = self._trace
        flags = api.TraceFlags(api.TraceFlags.SAMPLED)
        return api.SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=flags)

    def _line(self, event: Mapping[str, Any]) -> None:
        from opentelemetry._logs import LogRecord, SeverityNumber

        assert self._logs is not None  # noqa: S101 - `line` offers this method only with logs
        level = str(event.get("level", "info"))
        severity = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}.get(level, 9)
        attributes = {
            name: item if isinstance(item, bool | int | float) else str(item)[:_LONGEST]
            for name, item in event.items()
            if name not in ("event", "level", "timestamp") and item is not None
        }
        provider, _ = self._logs
        provider.get_logger("stepwell").emit(
            LogRecord(
                body=str(event.get("event", "")),
                severity_text=level,
                severity_number=SeverityNumber(severity),
                attributes=attributes,
            )
        )

    async def close(self) -> None:
        """Send what is left, for at most a few seconds."""
        work = [] if self._spans is None else [self._spans.shutdown]
        if self._logs is not None:
            work.append(self._logs[0].shutdown)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.gather(*(asyncio.to_thread(each) for each in work))
        except TimeoutError:
            return  # the collector is unavailable; the threads end with the process


def _kinds(api: Any) -> Mapping[Kind, Any]:
    kinds = api.SpanKind
    return {"internal": kinds.INTERNAL, "server": kinds.SERVER, "client": kinds.CLIENT}


def _spans(settings: Settings, proxy: str | None) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(_address(settings, "traces"), headers=_headers(settings),
                                timeout=_PATIENCE_S, session=_session(proxy))  # fmt: skip
    return BatchSpanProcessor(exporter, _MOST_WAITING, _EVERY_MS, 512, _PATIENCE_S * 1_000)


def _logs(settings: Settings, resource: Any, proxy: str | None) -> Any:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import (
        OTLPLogExporter,
    )
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    exporter = OTLPLogExporter(_address(settings, "logs"), headers=_headers(settings),
                               timeout=_PATIENCE_S, session=_session(proxy))  # fmt: skip
    provider = LoggerProvider(resource=resource)
    processor = BatchLogRecordProcessor(
        exporter, schedule_delay_millis=_EVERY_MS, max_queue_size=_MOST_WAITING
    )
    provider.add_log_record_processor(processor)
    return provider, processor


def _session(proxy: str | None) -> Any:
    """Return a session of the exporters' HTTP library that ignores proxies of the environment."""
    session = import_module("requests").Session()
    session.trust_env = False
    if proxy is not None:
        session.proxies = {"http": proxy, "https": proxy}
    return session


def _address(settings: Settings, signal: str) -> str:
    return f"{str(settings.otlp_endpoint).rstrip('/')}/v1/{signal}"


def _headers(settings: Settings) -> dict[str, str]:
    """Return the headers of every request."""
    given = settings.otlp_headers
    return {} if given is None else header_pairs(given.get_secret_value())
