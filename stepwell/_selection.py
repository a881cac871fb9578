"""Selects runs for lists and commands, and holds the results of commands for many runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from stepwell._documents import JsonObject, StatusName

BulkAction: TypeAlias = Literal[
    "cancel", "terminate", "delete", "hold", "release", "tryNow", "giveUp", "rerun"
]


@dataclass(frozen=True, slots=True)
class BulkRerun:
    """How each of many runs is rerun.

    Attributes:
        operation: A name of your choice, such as a UUID: each run is rerun once for it, however
            often the command is repeated.
        from_: `failure`, from where it failed or was stopped, or `start`.
        version: Another version: a number, `latest` or `published`.
        data: Fields that replace those of each run.
        keep_calls: Whether the results of calls that a step had finished are kept.
    """

    operation: str
    from_: Literal["failure", "start"] = "failure"
    version: str | None = None
    data: JsonObject | None = None
    keep_calls: bool = False


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are selected; a field that is not given does not filter.

    Attributes:
        status: Only runs with this status.
        workflow_id: Only runs of this workflow.
        parent_run_id: Only child runs of this run.
        since: Only runs that began at this moment or later: with a time zone, as ISO text or a
            `datetime`.
        until: Only runs that began before this moment, given in the same way.
        top_level: Only runs that no other run started.
        labels: Only runs with these labels, values by name.
        text: Only runs whose title and labels, or data at the start, have these words, or words
            that begin with them.
        step_id: Only runs that are in this step, or failed in it.
        error_type: Only runs that failed with this error.
        started_by: Only runs that this caller started.
        longer_than: Only runs that took at least this long, such as `10m`.
        shorter_than: Only runs that took less.
        waiting_for: Only runs whose step waits for its next attempt (`retry`), or sleeps (`time`).
        sort: The order: by `startTime`, `endTime` or `duration`; with `-` before it, the newest or
            the longest first. Commands for many runs have no order.
    """

    status: StatusName | None = None
    workflow_id: str | None = None
    parent_run_id: str | None = None
    since: str | datetime | None = None
    until: str | datetime | None = None
    top_level: bool = False
    labels: Mapping[str, str] | None = None
    text: str | None = None
    step_id: str | None = None
    error_type: str | None = None
    started_by: str | None = None
    longer_than: str | None = None
    shorter_than: str | None = None
    waiting_for: Literal["retry", "time"] | None = None
    sort: str | None = None


@dataclass(frozen=True, slots=True)
class BulkFailure:
    """A run for which a command failed.

    Attributes:
        run_id: The run.
        message: Why.
    """

    run_id: str
    message: str


@dataclass(frozen=True, slots=True)
class BulkPart:
    """What one part of a command for many runs did.

    Attributes:
        changed: How many runs were stopped, asked to stop, or deleted (without their children).
        skipped: How many had ended already, were gone, or cannot be deleted yet.
        failed: For how many runs the command failed.
        failures: The first of these, and why.
        next_cursor: The cursor for the next part; None after the last one.
        document: The whole JSON object, as the server sent it.
    """

    changed: int
    skipped: int
    failed: int
    failures: tuple[BulkFailure, ...]
    next_cursor: str | None
    document: JsonObject


@dataclass(frozen=True, slots=True)
class BulkCount:
    """How many runs a command for many runs would select.

    Attributes:
        matched: How many.
        cursor: If the first call of `bulk` gets it, runs that start after the count are left out.
        document: The whole JSON object, as the server sent it.
    """

    matched: int
    cursor: str | None
    document: JsonObject
