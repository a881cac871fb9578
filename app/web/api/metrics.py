"""`/metrics`: what the server counts, in the Prometheus text format."""

import hmac
import time
from collections.abc import Iterable, Iterator, Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.auth.errors import Unauthorized
from app.services import Services
from app.web.errors import error_response
from app.wire.errors import NotFoundHere
from journal import Histogram, JournalError

_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_COUNTS_KEPT_S = 15.0
"""How old the counts of runs may be: counting them reads an index of all runs."""


class Metrics:
    """Shows the figures to whoever has the token; without a token in the settings to nobody."""

    def __init__(self, services: Services) -> None:
        self._services = services
        token = services.settings.metrics_token
        self._token = token.get_secret_value().encode() if token else None
        self._counts: Mapping[str, int] = {}
        self._count_again_s = 0.0

    async def show(self, request: Request) -> Response:
        """Answer `GET /metrics`."""
        try:
            self._check(request)
            if time.monotonic() >= self._count_again_s:
                self._counts = await self._services.journal.runs.counts()
                self._count_again_s = time.monotonic() + _COUNTS_KEPT_S
        except (NotFoundHere, Unauthorized, JournalError) as failure:
            return error_response(failure, request.scope["stepwell.request_id"])
        return PlainTextResponse("".join(self._lines()), media_type=_FORMAT)

    def _check(self, request: Request) -> None:
        if self._token is None:
            raise NotFoundHere("there is nothing at /metrics; the setting metrics_token is not set")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self._token):
            raise Unauthorized

    def _lines(self) -> Iterator[str]:
        counters, writer = self._services.counters, self._services.journal.counters
        in_memory, acting = self._services.admission.in_memory, self._services.acting
        yield from _family(
            "requests_total", "counter", "Requests answered.",
            (
                ({"method": method, "status": status}, count)
                for (method, status), count in counters.requests.items()
            ),
        )  # fmt: skip
        yield from _one("requests_in_flight", "gauge", "Requests now.", counters.in_flight)
        yield from _family(
            "refused_total", "counter", "Requests refused with 429 or 503, by what was too much.",
            (({"why": why}, count) for why, count in counters.refused.items()),
        )  # fmt: skip
        yield from _family(
            "runs", "gauge", "Runs in the journal, counted every 15 seconds.",
            (({"status": status}, count) for status, count in self._counts.items()),
        )  # fmt: skip
        yield from _one("runs_in_memory", "gauge", "Runs under way.", in_memory)
        yield from _family(
            "step_attempts_total", "counter", "Attempts of steps.",
            (
                ({"type": kind, "outcome": outcome}, count)
                for (kind, outcome), count in counters.attempts.items()
            ),
        )  # fmt: skip
        yield from _one("steps_acting", "gauge", "Steps that act now.", acting.taken)
        yield from _one("steps_waiting", "gauge", "Steps that wait for a turn.", acting.waiting)
        yield from _one("writes_total", "counter", "Appends and other writes.", writer.writes)
        yield from _one("writes_queued", "gauge", "Writes not yet durable.", writer.queued)
        yield from _one("commits_failed_total", "counter", "Commits that failed.", writer.failed)
        yield from _histogram("commit_seconds", "How long a commit took.", writer.seconds)
        yield from _histogram("loop_lag_seconds", "How late the event loop was.", counters.lag)
        yield from _one(
            "wal_bytes", "gauge", "Size of the WAL.", self._services.journal.upkeep.wal_bytes
        )


def _family(
    name: str, kind: str, told: str, samples: Iterable[tuple[Mapping[str, object], float]]
) -> Iterator[str]:
    yield f"# HELP stepwell_{name} {told}\n# TYPE stepwell_{name} {kind}\n"
    for labels, value in samples:
        yield _sample(name, labels, value)


def _one(name: str, kind: str, told: str, value: float) -> Iterator[str]:
    return _family(name, kind, told, [({}, value)])


def _histogram(name: str, told: str, histogram: Histogram) -> Iterator[str]:
    yield from _family(name, "histogram", told, ())
    for bound, count in histogram.up_to():
        shown = "+Inf" if bound == float("inf") else f"{bound:g}"
        yield _sample(f"{name}_bucket", {"le": shown}, count)
    yield _sample(f"{name}_sum", {}, histogram.sum)
    yield _sample(f"{name}_count", {}, histogram.count)


def _sample(name: str, labels: Mapping[str, object], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(str(item))}"' for key, item in labels.items())
    return f"stepwell_{name}{{{inside}}} {value}\n" if inside else f"stepwell_{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
