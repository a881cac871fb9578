"""Times of a cron expression, also on days with a daylight saving change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies

from app.triggers.cron import Cron
from app.triggers.schedule_document import Schedule, ScheduleBody

BERLIN = "Europe/Berlin"
DAY_MS = 86_400_000


def ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)


def moments(expression: str, zone: str, begin: str, end: str) -> list[str]:
    cron, found = Cron(expression, zone), []
    at = cron.after(ms(begin))
    while at is not None and at < ms(end):
        found.append(cron.written(at)[5:])
        at = cron.after(at)
    return found


def test_a_time_skipped_by_the_clock_change_fires_right_after_the_gap() -> None:
    found = moments("30 2 * * *", BERLIN, "2026-03-28T12:00+01:00", "2026-03-30T12:00+02:00")
    assert found == ["03-29T03:00:00+02:00", "03-30T02:30:00+02:00"]


def test_a_time_that_occurs_twice_fires_the_first_time() -> None:
    found = moments("30 2 * * *", BERLIN, "2026-10-24T12:00+02:00", "2026-10-26T12:00+01:00")
    assert found == ["10-25T02:30:00+02:00", "10-26T02:30:00+01:00"]


def test_intervals_fire_as_often_as_usual_on_clock_changes() -> None:
    spring = moments("*/30 * * * *", BERLIN, "2026-03-29T01:15+01:00", "2026-03-29T04:15+02:00")
    autumn = moments("*/30 * * * *", BERLIN, "2026-10-25T01:45+02:00", "2026-10-25T03:15+01:00")
    assert spring == [f"03-29T{time}" for time in (
        "01:30:00+01:00", "03:00:00+02:00", "03:30:00+02:00", "04:00:00+02:00")]  # fmt: skip
    assert autumn == [f"10-25T{time}" for time in (
        "02:00:00+02:00", "02:30:00+02:00", "02:00:00+01:00", "02:30:00+01:00", "03:00:00+01:00")]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Australia/Lord_Howe", "2026-04-04T15:00Z"),  # back by half an hour
        ("Australia/Lord_Howe", "2026-10-03T15:30Z"),  # forward by half an hour
        ("America/St_Johns", "2006-04-02T03:31Z"),  # at a minute past midnight
        ("Africa/Casablanca", "2026-02-15T02:00Z"),
        (BERLIN, "2026-10-25T01:00Z"),
    ],
)
def test_intervals_fire_whenever_the_clock_shows_their_time(zone: str, change: str) -> None:
    begin, minutes = ms(change) - 4 * 3_600_000, range(8 * 60)
    shown = [
        (at, datetime.fromtimestamp(at / 1_000, ZoneInfo(zone)))
        for at in (begin + minute * 60_000 for minute in minutes)
    ]
    for expression, fires in (
        ("30 * * * *", lambda local: local.minute == 30),
        ("10 */2 * * *", lambda local: local.minute == 10 and local.hour % 2 == 0),
        ("*/25 1-3 * * *", lambda local: local.minute % 25 == 0 and 1 <= local.hour <= 3),
        ("* * * * *", lambda _: True),
    ):
        cron, right = Cron(expression, zone), [at for at, local in shown if fires(local)]
        found, at = [], cron.after(begin - 1)
        while at is not None and at <= shown[-1][0]:
            found.append(at)
            at = cron.after(at)
        assert found == right, expression
        assert cron.between(begin, shown[-1][0], 1_000) == (right, False), expression


def test_no_time_fires_again_in_the_repeated_hour() -> None:
    cron = Cron("30 2 * * *", BERLIN)
    second_time = ms("2026-10-25T02:10+01:00")
    assert cron.written(cron.after(second_time) or 0) == "2026-10-26T02:30:00+01:00"


@given(
    strategies.sampled_from(
        [
            "30 2 * * *",
            "*/17 * * * *",
            "0 0 1 * *",
            "15 1-3 * * *",
            "59 23 * * 0",
            "0 * * * *",
            "30 */2 1 * *",
        ]
    ),
    strategies.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
    strategies.integers(ms("2025-01-01T00:00Z"), ms("2027-12-31T00:00Z")),
    strategies.integers(0, 3 * DAY_MS),
)
def test_between_finds_the_same_times_as_after(
    expression: str, zone: str, begin: int, length: int
) -> None:
    cron, ahead = Cron(expression, zone), []
    at = cron.after(begin - 1)
    while at is not None and at <= begin + length:
        ahead.append(at)
        at = cron.after(at)
    assert ahead == sorted(set(ahead))
    back, has_more = cron.between(begin, begin + length, 1_000)
    assert (back, has_more) == (ahead, False)
    assert cron.between(begin, begin + length, 2)[0] == ahead[-2:]


def test_between_costs_in_proportion_to_the_times_it_returns() -> None:
    cron = Cron("* * * * *", "UTC")
    now = ms("2026-01-01T00:00Z")
    found, has_more = cron.between(now - 40 * 365 * DAY_MS, now, 100)
    assert (found[0], found[-1], has_more) == (now - 99 * 60_000, now, True)


@pytest.mark.parametrize(
    ("expression", "reported"),
    [
        ("* * * *", "must have five fields"),
        ("* * * * * *", "must have five fields"),
        ("@reboot", "is not a known word; use one of @hourly, @daily"),
        ("61 * * * *", "is not valid: bad minute"),
        ("0 0 31 2 *", "is not valid: bad day-of-month"),
        ("", "must have five fields"),
        ("1," * 200 + "1 * * * *", "must have five fields"),
    ],
)
def test_an_invalid_expression_is_refused_with_the_reason(expression: str, reported: str) -> None:
    with pytest.raises(ValueError, match=reported.replace("*", r"\*")):
        Cron(expression, "UTC")


def test_an_unknown_zone_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="did you mean Europe/Berlin"):
        Cron("@daily", "Europe/Belrin")
    with pytest.raises(ValueError, match="must be the name of a time zone"):
        Cron("@daily", "../../etc/passwd")


def schedule(**more: object) -> Schedule:
    body = {"workflowId": "w", "cron": "0 * * * *", "timeZone": "UTC", **more}
    return Schedule("hourly", ScheduleBody.model_validate(body))


NINE = ms("2026-01-05T09:00Z")
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("more", "now", "fired", "dropped"),
    [
        ({}, NINE + 500, [NINE], 0),
        ({}, NINE + 59_000, [NINE], 0),
        ({"missed": "skip"}, NINE + 60_000, [], 1),
        ({"missed": "last"}, NINE + 3 * HOUR + 90_000, [NINE + 3 * HOUR], 3),
        ({"missed": "last"}, NINE + 3 * HOUR + 5_000, [NINE + 3 * HOUR], 3),
        ({"missed": "skip"}, NINE + 3 * HOUR + 5_000, [NINE + 3 * HOUR], 3),
        ({"missed": "all"}, NINE + 2 * HOUR + 90_000, [NINE, NINE + HOUR, NINE + 2 * HOUR], 0),
        ({"missed": "all", "mostMissed": 2}, NINE + 2 * HOUR + 90_000, [NINE + HOUR, NINE + 2 * HOUR], 1),
    ],
)  # fmt: skip
def test_missed_times_are_caught_up_as_configured(
    more: dict[str, object], now: int, fired: list[int], dropped: int
) -> None:
    moments_now, not_fired, last = schedule(**more).plan(NINE, now)
    assert (moments_now, not_fired) == (fired, dropped)
    assert last == NINE + (now - NINE) // HOUR * HOUR


def test_jitter_delays_each_time_by_a_different_amount() -> None:
    spread = schedule(jitter="10m")
    late = [(spread.due_at(NINE + i * HOUR) or 0) - NINE - i * HOUR for i in range(200)]
    assert len(set(late)) > 190
    assert all(0 <= part < 600_000 for part in late)
    assert max(late) > 500_000
    due = spread.due_at(NINE) or 0
    assert spread.plan(NINE, due - 1) == ([], 0, NINE - 1)
    assert spread.plan(NINE, due)[0] == [NINE]


def test_the_next_five_times_are_shown_in_the_zone() -> None:
    cron = Cron("0 9 * * 1-5", BERLIN)
    at = round(datetime(2026, 3, 26, 12, tzinfo=UTC).timestamp() * 1_000)
    assert [cron.written(moment) for moment in cron.upcoming(at, 3)] == [
        "2026-03-27T09:00:00+01:00", "2026-03-30T09:00:00+02:00", "2026-03-31T09:00:00+02:00",
    ]  # fmt: skip
    assert timedelta(milliseconds=Cron.read("2026-03-30T09:00:00+02:00")) == timedelta(
        seconds=datetime(2026, 3, 30, 7, tzinfo=UTC).timestamp()
    )
