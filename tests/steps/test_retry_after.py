"""Parsing of `Retry-After`."""

import pytest

from steps.http.retry_after import retry_after_ms

DAY_MS = 24 * 3_600_000
NOW_MS = 784_111_777_000
"""Sun, 06 Nov 1994 08:49:37 GMT."""


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        ("120", 120_000), (" 7 ", 7_000), ("0", 0), ("1.5", 1_500), ("9" * 20, DAY_MS),
        ("Sun, 06 Nov 1994 08:49:40 GMT", 3_000), ("Sun, 06 Nov 1994 08:49:30 GMT", 0),
        ("Sunday, 06-Nov-94 08:49:40 GMT", 3_000), ("Sun Nov  6 08:49:40 1994", 3_000),
        ("Sun, 06 Nov 1994 08:49:40 -0000", 3_000), ("Mon, 06 Nov 2000 08:49:40 GMT", DAY_MS),
        (None, None), ("", None), ("soon", None), ("-5", None), ("1e3", None), ("²", None),
        ("1³", None), ("\u0661", None), ("\uff11", None), ("9" * 30, None), ("Sun", None),
        ("Mon, 99 Foo 1994 99:99:99 GMT", None), ("Sun, 06 Nov 99999 08:49:37 GMT", None),
        ("x" * 100_000, None),
    ],
)  # fmt: skip
def test_seconds_and_dates_are_understood_and_the_rest_is_ignored(
    value: str | None, wait_ms: int | None
) -> None:
    assert retry_after_ms(value, NOW_MS) == wait_ms
