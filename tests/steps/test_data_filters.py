"""Filters for dates, patterns, encodings, numbers and tables: results and refusals."""

from typing import Any

import pytest

from steps.document.edge_condition import condition
from steps.language.expression import Expression, ExpressionError
from tests.harness.growing_cost import cost_ratio

RIGHT: list[tuple[str, Any]] = [
    ("'0099-01-01' | date_format('%C')", "00"),
    ("'100%' ~ ('2026-01-31' | date_format('%-d%%%5Y'))", "100%31%02026"),
    ("'1 %H' | date_parse('%d %%H')", "1900-01-01"),
    ("'1700000000' | from_timestamp", "2023-11-14T22:13:20Z"),
    ("now()", "1970-01-01T00:00:10Z"),
    ("now('Asia/Tokyo')", "1970-01-01T09:00:10+09:00"),
    ("now() | date_add('1d')", "1970-01-02T00:00:10Z"),
    ("'2026-03-29T00:30:00Z' | date_in('Europe/Berlin')", "2026-03-29T01:30:00+01:00"),
    ("'2026-03-29T01:30:00Z' | date_in('Europe/Berlin')", "2026-03-29T03:30:00+02:00"),
    ("'2026-03-29' | date_in('Europe/Berlin')", "2026-03-29T00:00:00+01:00"),
    ("'2026-03-30T00:00:00+02:00' | date_diff('2026-03-29T00:00:00+01:00', 'hours')", 23),
    ("'2026-03-30' | date_diff('2026-03-29')", 1),
    ("'2026-03-29' | date_diff('2026-03-30', 'weeks') | round(3)", -0.143),
    ("'2026-03-30' | date_diff('2026-01-31', 'months')", 1),
    ("'2026-02-28' | date_diff('2026-01-31', 'months')", 1),
    ("'2026-02-27' | date_diff('2026-01-31', 'months')", 0),
    ("'2026-01-31' | date_diff('2026-02-28', 'months')", -1),
    ("'2028-02-28' | date_diff('2024-02-29', 'years')", 3),
    ("'2026-03-29T23:30:00Z' | date_trunc('day', 'Europe/Berlin')", "2026-03-30T00:00:00+02:00"),
    ("'2026-03-29T12:00:00Z' | date_trunc('day', 'Europe/Berlin')", "2026-03-29T00:00:00+01:00"),
    ("'2018-11-04' | date_in('America/Sao_Paulo')", "2018-11-04T01:00:00-02:00"),
    ("'2018-11-04T12:00:00Z' | date_trunc('day', 'America/Sao_Paulo')", "2018-11-04T01:00:00-02:00"),
    ("('2018-11-04' | date_parts('America/Sao_Paulo')).hour", 1),
    ("'2011-12-30' | date_in('Pacific/Apia')", "2011-12-31T00:00:00+14:00"),
    ("'2026-10-03T15:45:00Z' | date_trunc('hour', 'Australia/Lord_Howe')", "2026-10-04T02:30:00+11:00"),
    ("'2026-04-04T15:15:00Z' | date_trunc('hour', 'Australia/Lord_Howe')", "2026-04-05T01:00:00+11:00"),
    ("'2026-10-25T01:30:00Z' | date_trunc('hour', 'Europe/Berlin')", "2026-10-25T02:00:00+01:00"),
    ("'29.03.2026 02:30' | date_parse('%d.%m.%Y %H:%M', 'Europe/Berlin')", "2026-03-29T03:30:00+02:00"),
    ("'2026-03-29T12:34:56Z' | date_trunc('hour')", "2026-03-29T12:00:00Z"),
    ("'2026-03-29' | date_trunc('week')", "2026-03-23"),
    ("'2026-12-31' | date_trunc('quarter')", "2026-10-01"),
    ("'2026-12-31' | date_trunc('year')", "2026-01-01"),
    ("'2024-02-29' | date_add_months(12)", "2025-02-28"),
    ("'2026-01-15T10:00:00Z' | date_add_months(-1)", "2025-12-15T10:00:00Z"),
    ("'2026-01-03' | date_add_business_days(1)", "2026-01-05"),
    ("'2026-01-05' | date_add_business_days(-1)", "2026-01-02"),
    ("'2026-01-02T08:00:00Z' | date_add_business_days(1, ['2026-01-05'])", "2026-01-06T08:00:00Z"),
    ("'2026-01-05' | business_days('2026-01-01')", -2),
    ("'2026-01-01' | business_days('2026-01-08', ['2026-01-01', '2026-01-06'])", 3),
    ("'31.12.26 23:15' | date_parse('%d.%m.%y %H:%M', 'Europe/Berlin')", "2026-12-31T23:15:00+01:00"),
    ("'2026-12-31 23:15' | date_parse('%Y-%m-%d %H:%M')", "2026-12-31T23:15:00Z"),
    ("'2026-06-30T23:00:00Z' | date_parts('Europe/Berlin')", {"year": 2026, "quarter": 3, "month": 7, "week": 27, "day": 1, "dayOfYear": 182, "weekday": 3, "hour": 1, "minute": 0, "second": 0}),
    ("'2026-01-01T00:00:00.5Z' | timestamp", 1767225600.5),
    ("1767225600.5 | from_timestamp", "2026-01-01T00:00:00.500000Z"),
    ("'ann@a.example, bob@b.example' | regex_findall('([a-z]+)@([a-z.]+)')", [["ann", "a.example"], ["bob", "b.example"]]),
    ("'none here' | regex_match('[0-9]+')", None),
    ("'order 17' | regex_match('(?P<no>[0-9]+)')", {"text": "17", "groups": ["17"], "named": {"no": "17"}}),
    ("'A-1 B-2' | regex_sub('([A-Z])-([0-9])', '\\\\2\\\\1')", "1A 2B"),
    ("'a;b, c' | regex_split('[;,] *')", ["a", "b", "c"]),
    ("'a;b;c' | regex_split(';', 1)", ["a", "b;c"]),
    ("'a;b' | regex_split(';', 10 ** 30)", ["a", "b"]),
    ("['' * 2 ** 63, [] * 2 ** 63]", ["", []]),
    ("[1 is eq(other=1), 1 is ne(other=1), 1 is in(list=[1]), 1 is sameas(other=1)]", [True, False, True, True]),
    ("'A1' is matching('^[a-z][0-9]$') or 'a1' is matching('^[a-z][0-9]$')", True),
    ("'Zoë' is matching('(?i)ZOË')", True),
    ("('ÿ' | b64encode) ~ ('ÿ' | b64encode(true))", "w78=w78="),
    ("'w78' | b64decode", "ÿ"),
    ("'ÿ' | to_hex", "c3bf"),
    ("'c3bf' | from_hex", "ÿ"),
    ("'a%20b+c' | urldecode", "a b c"),
    ("'https://ann@shop.example:8443/a%20b?x=1&x=2&y=#top' | urlsplit", {"scheme": "https", "username": "ann", "host": "shop.example", "port": 8443, "path": "/a%20b", "fragment": "top", "query": {"x": ["1", "2"], "y": ""}}),
    ("'what do ya want for nothing?' | hmac('Jefe')", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ("'what do ya want for nothing?' | hmac('Jefe', 'sha1', 'base64')", "7/zfauXrL6LSdBbV8YTfnCWafHk="),
    ("'abc' | sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("1234567.891 | format_number(2)", "1,234,567.89"),
    ("-1234 | format_number(decimals=1, group=' ', point=',')", "-1 234,0"),
    ("'a,b\\r\\n1,\"x,\"\"y\"\"\"\\r\\n' | from_csv", [{"a": "1", "b": 'x,"y"'}]),
    ("'1;2\\n3;4' | from_csv(';', header=false)", [["1", "2"], ["3", "4"]]),
    ("[{'a': 1, 'b': 'x,\"'}, {'a': none, 'b': [1], 'c': true}] | to_csv", 'a,b,c\r\n1,"x,""",\r\n,[1],true\r\n'),
    ("[{'a': 1, 'b': 2}] | to_csv(['b'], ';', false)", "2\r\n"),
    ("[[1, 2]] | to_csv", "1,2\r\n"),
    ("[1, [2, [3, [4]]]] | flatten(2)", [1, 2, 3, [4]]),
    ("data.rows | avg(attribute='n')", 2),
    ("[] | avg", None),
    ("[0.1, 0.2, 0.3] | avg", 0.2),
    ("[0.1, 0.2] | sum", 0.3),
    ("data.rows | sum('n', 0.5)", 4.5),
    ("[2.675, 1.005 * 3, -0.125, 1250, 12345678901234.565] | map('round', 2) | list", [2.68, 3.02, -0.13, 1250, 12345678901234.56]),
    ("[1.1 * 3 * 10, 4.35 * 100] | map('round', 0, 'ceil') | list", [33, 435]),
    ("[1250 | round(-2), -0.4 | round, 1e300 | round(400)]", [1300, 0, 1e300]),
    ("[1.005 | format_number(2), -0.004 | format_number(2)]", ["1.01", "0.00"]),
    ("range(20000) | map('round', 2) | list | length", 20000),
    ("['2026-01-31' | date_add('1w'), '2026-01-31' | date_add('-P2W')]", ["2026-02-07", "2026-01-17"]),
    ("data.rows | index_by('k')", {"x": {"k": "x", "n": 1}, "y": {"k": "y", "n": 3}}),
    ("data.object | items | from_items", {"a": 1}),
    ("data.object | merge({'b': 2}, {'a': 3})", {"a": 3, "b": 2}),
    ("'{\"a\": [1]}' | from_json", {"a": [1]}),
]  # fmt: skip
SCOPE: dict[str, Any] = {
    "data": {"rows": [{"k": "x", "n": 1}, {"k": "y", "n": 3}], "object": {"a": 1},
             "long": "ab" * 40_000, "as": "a" * 20_000, "no": False},
    "now": 10_000,
}  # fmt: skip

WRONG: list[tuple[str, str]] = [
    ("'1 1' | date_parse('%d %d')", "the pattern has %d twice"),
    ("'2026-01-01' | date_format('%Q')", "%Q is not a directive"),
    ("'2026-01-01' | date_format('100%')", "% is not a directive"),
    ("'2026-01-01' | date_format('a\\u0000b')", "cannot have a NUL character"),
    ("'2026-01-01T10:00' | date_parts('')", "there is no time zone ''"),
    ("'2026-01-01' | business_days('2026-01-05', [1])", "1 is not an ISO date"),
    ("1700000000000 | from_timestamp", "divide milliseconds by 1000"),
    ("'1_7' | from_timestamp", "'1_7' is not a number of seconds"),
    ("true | from_timestamp", "takes a number or a text, not a boolean"),
    ("5 | from_csv", "from_csv takes a text, not a number"),
    ("[1] | flatten(true)", "levels of flatten must be a whole number, not a boolean"),
    ("5 | format_number(2, 5)", "group of format_number must be a text, not a number"),
    ("'a' | regex_split('b', -1)", "limit must be 0 or more"),
    ("'%ff' | urldecode", "the encoded bytes are not UTF-8"),
    ("'zz' | from_hex", "not pairs of hexadecimal digits"),
    ("'[' | from_json", "the text is not JSON: "),
    ("'2026-01-01' | date_in('Mars/Base')", "there is no time zone 'Mars/Base'"),
    ("'2026-01-01' | date_in('../../etc/passwd')", "there is no time zone"),
    ("'yesterday' | date_in('UTC')", "'yesterday' is not an ISO date, such as"),
    ("'31.12.2026' | date_add('1d')", "'31.12.2026' is not an ISO date"),
    ("'2026-01-01' | date_diff('2026-01-02', 'fortnights')", "unit must be one of seconds"),
    ("'2026-01-01' | date_trunc('decade')", "unit must be one of hour"),
    ("'2026-01-01' | date_add_months(1.5)", "months must be a whole number"),
    ("'9999-12-31' | date_add_months(1)", "year"),
    ("'2026-01-01' | date_add_business_days(1000000)", "days may be 20000 at most"),
    ("'2026-01-01' | business_days('9999-01-01')", "20000 days apart at most"),
    ("'2026-01-01' | business_days('2026-01-02', '2026-01-01')", "holidays must be a list"),
    ("'x' | regex_match('(')", "the pattern cannot be used: missing"),
    ("'x' | regex_match('(a)\\\\1')", "the pattern cannot be used"),
    ("'x' | regex_match('(?=a)')", "the pattern cannot be used"),
    ("1 | regex_match('a')", "looks through a text"),
    ("'a' | regex_sub('a', '\\\\9')", "replacement cannot be used"),
    ("data.long | regex_match('(?:(?:a{1,30}){1,30})c')", "too many operations"),
    ("data.as | regex_findall('a.*b|a')", "too many operations"),
    ("data.as | regex_sub('a.*b|a', '')", "too many operations"),
    ("'****' | b64decode", "base64"),
    ("'/w==' | b64decode", "not UTF-8 text"),
    ("'xyz' | from_hex", "hexadecimal"),
    ("'a' | hmac('k', 'md5')", "algorithm must be one of"),
    ("'1' | format_number", "takes a number"),
    ("'a,a\\n1,2' | from_csv", "two columns of the CSV have the same name"),
    ("'a,b\\n1' | from_csv", "row 2 has 1 cells"),
    ("'a,\"b' | from_csv", "it is not CSV"),
    ("'a' | from_csv('ab')", "separator must be one character"),
    ("[1] | to_csv", "needs a list of objects"),
    ("[1] | flatten(0)", "levels must be 1 to 10"),
    ("'text' | flatten", "it needs a list"),
    ("['a'] | avg", "only numbers can be added up, not a text"),
    ("none | round", "round takes a number, not null"),
    ("'2026-01-01' | date_add('1y')", "date_add_months adds months and years"),
    ("[[1]] | from_items", "pairs of a name and a value"),
    ("[1] | merge({})", "merge needs objects"),
    ("'é' | b64decode", "the text is not base64"),
    ("'2026-01-01' | date_add_months(10 ** 30)", "a date is in the years 1 to 9999"),
    ("'x' | date_parse('%Y')", "'x' does not match the pattern '%Y'"),
    ("'2026x' | date_parse('%Y')", "'2026x' does not match the pattern '%Y'"),
    ("'1' | date_parse('%Q')", "'%Q' has an unknown directive; a percent sign is written %%"),
    ("'1' | date_parse('%d%')", "'%d%' has an unknown directive; a percent sign is written %%"),
    ("'31.02.2026' | date_parse('%d.%m.%Y')", "day"),
    ("[none] | date_parse('%d')", "date_parse takes a text, not a list"),
    ("1234 | format_number(0, -3)", "group of format_number must be a text, not a number"),
    ("[{'a': 1}] | to_csv([['a']])", "columns of to_csv must be a list of names"),
    ("[1] | map([])", "filter name must be a string"),
    ("[{'a': 1}] | groupby(none)", "`groupby` asks for null, which no item has"),
    ("[{'a': 1}] | sum(true)", "`sum` adds up true, which item 0 does not have"),
    ("'1' | int(0, [])", "it takes a whole number from 0, not a list"),
    ("'http://[::1' | urlsplit", "not an address: its host or its port is not valid"),
    ("'http://h:99999' | urlsplit", "not an address: its host or its port is not valid"),
    ("true / data.no", "failed: true / false divides by zero"),
    ("data.no[1:]", "only a list or a text has a part, not a boolean"),
    ("dict(**data.no)", r"`\*\*` takes an object, not a boolean"),
    ("('?' ~ 'a&' * 1001) | urlsplit", "may have 1,000 parameters at most"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "right"), RIGHT, ids=lambda item: str(item)[:60])
def test_the_filter_returns_the_value(text: str, right: Any) -> None:
    value = Expression(text).evaluate(SCOPE)
    assert value == right
    assert type(value) is type(right)


@pytest.mark.parametrize(("text", "reported"), WRONG, ids=lambda item: str(item)[:60])
def test_a_refusal_gives_its_reason(text: str, reported: str) -> None:
    with pytest.raises(ExpressionError, match=reported):
        Expression(text).evaluate(SCOPE)


def test_patterns_do_not_backtrack() -> None:
    """A pattern that goes back would take thousands of times as long for ten letters more."""
    matches = condition("data.t is matching('^(a+)+$')")

    def refuse(letters: int) -> None:
        assert matches({"data": {"t": "a" * letters + "!"}}) is False

    assert cost_ratio(refuse, 10, 2) < 32


def test_now_fails_where_no_clock_is_available() -> None:
    with pytest.raises(ExpressionError, match=r"there is no now\(\) here"):
        Expression("now()").evaluate({"data": {}})
