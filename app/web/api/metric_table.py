"""All metrics of the server: name, meaning, and source of the value."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from app.services import Services
from engine.value import value
from journal import SHARDS, Histogram

T = TypeVar("T", str, int)


@dataclass(slots=True)
class Readings:
    """The sources of the values.

    Attributes:
        runs: The number of runs of each status, as last counted.
    """

    services: Services
    runs: Mapping[str, int] = field(default_factory=dict)


Labelled: TypeAlias = Mapping[tuple[str, ...], float]
"""Values by the values of their labels."""


@value(frozen=True, slots=True)
class MetricRow:
    """One metric.

    Attributes:
        name: Its name as a scraper sees it; that of a counter ends in `_total`.
        labels: The meaning of each label, by its name.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    read: Callable[[Readings], float | Labelled | Histogram]
    labels: Mapping[str, str] = field(default_factory=dict)


METRICS = (
    MetricRow(
        "stepwell_processes", "gauge",
        "Processes that share the journal, as this one sees it; 1 with the journal in one folder.",
        lambda at: 1 if at.services.sharing is None else at.services.sharing.processes,
    ),
    MetricRow(
        "stepwell_shards", "gauge",
        "Shards of runs, out of 64, that this process owns; the sum over all processes is 64.",
        lambda at: SHARDS if at.services.sharing is None else at.services.sharing.shards,
    ),
    MetricRow(
        "stepwell_requests_total", "counter", "Requests answered.",
        lambda at: _by_text(at.services.counters.requests),
        {"method": "the request's method", "status": "the answer's status"},
    ),
    MetricRow(
        "stepwell_requests_in_flight", "gauge", "Requests being answered now.",
        lambda at: at.services.counters.in_flight,
    ),
    MetricRow(
        "stepwell_refused_total", "counter", "Requests refused at a limit, with 429 or 503.",
        lambda at: {(why,): count for why, count in at.services.counters.refused.items()},
        {"why": "the limit that was exceeded: `key` or `tenant` (requests in a second), `open` "
            "(requests to the address of a trigger, a form or a step), `sign-in` (failed ones), "
            "`runs` or `bytes` (in memory), `writes` (queued for the journal)"},
    ),
    MetricRow(
        "stepwell_runs", "gauge", "Runs in the journal, counted at most a minute ago.",
        lambda at: {(status,): count for status, count in at.runs.items()},
        {"status": "the run's status"},
    ),
    MetricRow(
        "stepwell_runs_in_memory", "gauge", "Runs that are held in memory or driven now.",
        lambda at: at.services.admission.in_memory,
    ),
    MetricRow(
        "stepwell_step_attempts_total", "counter", "Attempts of steps that have ended.",
        lambda at: _by_text(at.services.counters.attempts),
        {"type": "the step type", "outcome": "`completed`, `failed`, `paused`, `slept`, `awaited` "
         "(child runs) or `other`"},
    ),
    MetricRow(
        "stepwell_steps_acting", "gauge", "Steps that are running now.",
        lambda at: at.services.acting.total,
    ),
    MetricRow(
        "stepwell_steps_waiting", "gauge", "Steps that wait for their turn to run.",
        lambda at: at.services.acting.waiting,
    ),
    MetricRow(
        "stepwell_writes_total", "counter", "Writes that the journal has answered.",
        lambda at: at.services.journal.counters.writes,
    ),
    MetricRow(
        "stepwell_writes_queued", "gauge", "Writes that are not durable yet.",
        lambda at: at.services.journal.counters.queued,
    ),
    MetricRow(
        "stepwell_commits_failed_total", "counter",
        "Transactions of the journal whose outcome is unknown.",
        lambda at: at.services.journal.counters.failed,
    ),
    MetricRow(
        "stepwell_commit_seconds", "histogram",
        "Duration of a transaction of the journal in seconds, including its flush.",
        lambda at: at.services.journal.counters.seconds,
    ),
    MetricRow(
        "stepwell_loop_lag_seconds", "histogram",
        "Delay of the event loop in seconds.",
        lambda at: at.services.counters.lag,
    ),
    MetricRow(
        "stepwell_wal_bytes", "gauge", "Size of the journal's -wal file in bytes.",
        lambda at: at.services.journal.upkeep.wal_bytes,
    ),
)  # fmt: skip


class MetricFamilies(Collector):
    """The metrics of one server, for its own registry."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Read every metric now."""
        for row in METRICS:
            yield _family(row, row.read(self._readings))


def _family(row: MetricRow, value: float | Labelled | Histogram) -> Metric:
    if isinstance(value, Histogram):
        buckets = [(_bound(bound), float(count)) for bound, count in value.up_to()]
        return HistogramMetricFamily(row.name, row.meaning, buckets, value.sum)
    labelled = value if isinstance(value, Mapping) else {(): value}
    kind = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = kind(row.name, row.meaning, labels=list(row.labels))
    for labels, number in labelled.items():
        family.add_metric(labels, number)
    return family


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(bound)


def _by_text(counts: Mapping[tuple[str, T], int]) -> Labelled:
    return {(name, str(other)): count for (name, other), count in counts.items()}
