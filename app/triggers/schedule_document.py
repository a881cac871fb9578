"""A schedule as people write it, and what it does at a given moment."""

from functools import cached_property
from itertools import takewhile
from typing import Annotated, Any, Literal
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.triggers.cron import Cron, checked_expression, zone_of
from app.triggers.start_data import data_template
from engine import JsonObject
from steps.language.durations import WRITTEN, Duration
from steps.language.template import Template

MOST_MISSED = 100
ON_TIME_MS = 60_000
"""A moment that is handled later than this after it was due counts as missed."""


class ScheduleBody(BaseModel):
    """Which workflow is started when, and with which data."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    workflowId: str = Field(  # noqa: N815 - the API's words
        min_length=1, max_length=200, description="the workflow to start"
    )
    version: str | None = Field(
        None,
        max_length=100,
        description="latest, published, or a number; default: published, else latest",
    )
    cron: str = Field(
        max_length=200,
        description="minute, hour, day of month, month, day of week, such as `0 9 * * 1-5`; or "
        "`@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`",
    )
    timeZone: str = Field(  # noqa: N815
        max_length=64, description="the IANA time zone of the expression"
    )
    data: dict[str, Any] = Field(
        {},
        description="the input, with templates: `schedule.at` is the moment as an ISO date in the "
        "time zone, `schedule.id` the id of the schedule",
    )
    missed: Literal["skip", "last", "all"] = Field(
        "last",
        description="which missed moments are made up for, those a minute or more late, such as "
        "while the server was down: none, the newest, or all",
    )
    mostMissed: int | None = Field(  # noqa: N815
        None,
        ge=1,
        le=MOST_MISSED,
        strict=True,
        description=f"with `all`, how many: the newest; {MOST_MISSED} without it",
    )
    overlap: Literal["start", "skip", "queue", "cancel-old"] = Field(
        "start",
        description="what happens while the previous run has not ended: start another run, skip "
        "this moment, start it afterwards, or cancel the previous run",
    )
    jitter: Annotated[Duration, WRITTEN] | None = Field(
        None,
        le=3_600_000,
        description="each start is delayed by a part of this, different for each moment; an hour "
        "at most",
    )
    enabled: bool = Field(
        True,
        strict=True,
        description="false pauses it; moments that pass meanwhile do not count as missed",
    )

    @field_validator("cron")
    @classmethod
    def _fields(cls, cron: str) -> str:
        checked_expression(cron)
        return cron

    @field_validator("timeZone")
    @classmethod
    def _zone(cls, name: str) -> str:
        zone_of(name)
        return name

    @field_validator("data")
    @classmethod
    def _templates(cls, data: JsonObject) -> JsonObject:
        data_template(data)
        return data

    @field_validator("mostMissed")
    @classmethod
    def _of_all(cls, most: int | None, info: ValidationInfo) -> int | None:
        if most is not None and info.data.get("missed", "all") != "all":
            raise ValueError("has a meaning only where missed is all")
        return most

    def document(self) -> JsonObject:
        """Return the whole document, with every key."""
        document: JsonObject = self.model_dump(mode="json")
        return document


class Schedule:
    """A schedule, compiled; moments are Unix milliseconds."""

    def __init__(self, schedule_id: str, body: ScheduleBody) -> None:
        self.id = schedule_id
        self.body = body
        self.cron = Cron(body.cron, body.timeZone)

    @cached_property
    def data(self) -> Template:
        """The template of the input."""
        return Template(self.body.data)

    def scope(self, moment: int) -> JsonObject:
        """Return the names that the template of the input may use."""
        return {"schedule": {"id": self.id, "at": self.cron.written(moment)}}

    def due_at(self, moment: int | None) -> int | None:
        """Return when a moment is due: the moment plus its own part of the jitter."""
        if moment is None or self.body.jitter is None:
            return moment
        return moment + crc32(f"{self.id}:{moment}".encode()) * self.body.jitter // 2**32

    def plan(self, first: int, now: int) -> tuple[list[int], int, int]:
        """Return the moments from `first` on to fire now, the number dropped, and the last handled.

        All moments up to the last one are handled; those whose jitter has not passed yet come
        later.
        """
        found, has_more = self.cron.between(first, now, MOST_MISSED)
        if not has_more and first not in found[:1]:
            found = [first, *found]
        due = list(takewhile(lambda moment: (self.due_at(moment) or 0) <= now, found))
        if not due:
            return [], 0, first - 1
        is_late = [now - (self.due_at(moment) or 0) >= ON_TIME_MS for moment in due]
        late = [moment for moment, missed in zip(due, is_late, strict=True) if missed]
        on_time = [moment for moment, missed in zip(due, is_late, strict=True) if not missed]
        kept: list[int] = []
        if self.body.missed == "all":
            kept = late[-(self.body.mostMissed or MOST_MISSED) :]
        elif self.body.missed == "last" and not on_time:
            kept = late[-1:]
        return [*kept, *on_time], len(late) - len(kept), due[-1]
