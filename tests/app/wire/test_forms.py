"""Forms as browsers and programs send them, and the conversion of their texts to values."""

import contextlib
from typing import Any

import pytest

from app.wire.forms.form import Form, multipart_form, urlencoded_form
from app.wire.forms.values import values_of
from app.wire.parsing import header_parameters
from app.wire.parsing.errors import BadRequest, PayloadTooLarge
from app.wire.parsing.header_parameters import parameters_of
from app.wire.parsing.multipart import parse_multipart
from engine import JsonObject
from steps.fields.fields import Fields

KIND = b"multipart/form-data; boundary=B"
OPTIONAL: dict[str, JsonObject] = {
    name: {"type": kind, "required": False}
    for name, kind in (("s", "string"), ("n", "number"), ("i", "integer"), ("b", "boolean"),
                       ("l", "array"), ("o", "object"), ("f", "file"))
}  # fmt: skip
FIELDS = Fields(
    {
        **OPTIONAL,
        "wanted": {"type": "number"},
        "name": {"type": "string"},
        "preset": {"type": "integer", "default": 3},
        "numbers": {"type": "array", "items": {"type": "number"}, "required": False},
    }
)


def written(disposition: str, content: bytes = b"x", more: bytes = b"") -> bytes:
    head = b"--B\r\nContent-Disposition: " + disposition.encode() + more
    return head + b"\r\n\r\n" + content + b"\r\n"


def read(*parts: bytes, kind: bytes = KIND, before: bytes = b"", after: bytes = b"") -> Form:
    return multipart_form(kind, before + b"".join(parts) + b"--B--" + after, 1_000_000)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("form-data; name=\"a\"; filename*=utf-8''M%C3%BCller.pdf", "Müller.pdf"),
        ("form-data; name=\"a\"; filename*=ISO-8859-1'de'M%FCller.pdf", "Müller.pdf"),
        ("form-data; name=a; filename=x.pdf; filename*=UTF-8''%e2%82%ac.pdf", "€.pdf"),
        ("form-data; name=a; filename*=utf-8''%ff.pdf; filename=x.pdf", "x.pdf"),
        ("form-data; name=a; filename*=koi8-r''x%20y.pdf", "x y.pdf"),
        ("form-data; name=a; filename*=x.pdf", "x.pdf"),
        ('form-data; name="a"; filename="a%22b.pdf"', 'a"b.pdf'),
        ('form-data; name="a"; filename="a\\"b.pdf"', 'a"b.pdf'),
        ('form-data; name="a"; filename="a;b=c.pdf"', "a;b=c.pdf"),
        ('form-data; name="a"; filename="100%41.pdf"', "100%41.pdf"),
        ("FORM-DATA;NAME=a ; FileName = x.pdf ;", "x.pdf"),
        (
            'form-data;\r\n\tname="a";\r\n filename="x.pdf"\r\nContent-Type: text/x;\r\n a=b',
            "x.pdf",
        ),
        ('form-data; name="a"; filename="C:\\temp\\x.txt"', "x.txt"),
        ('form-data; name="a"; filename="a\\"', "attachment"),
        ('form-data; name="a"; filename=""', "attachment"),
    ],
)
def test_the_name_of_a_file_is_decoded(disposition: str, name: str) -> None:
    assert read(written(disposition)).uploads["a"].name == name


@pytest.mark.parametrize("kind", [b"Multipart/Form-Data; Boundary=B", b'a/b; x=";"; boundary="B"'])
def test_a_boundary_is_found_in_every_notation(kind: bytes) -> None:
    assert read(written("form-data; name=a"), kind=kind).texts == {"a": "x"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"This is a form.\r\n", b"\r\n"),
        (b"\r\n", b"\r\n" * 250),
        (b"--Bx\r\n", b"--B\r\n"),
        (b"", b"\r\nMore words, and --B once more"),
    ],
)
def test_text_around_the_parts_is_ignored(before: bytes, after: bytes) -> None:
    form = read(written("form-data; name=a", b"--B"), before=before, after=after)
    assert form.texts == {"a": "--B"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (written("form-data; name=a"), "closing boundary"),
        (written("form-data; name=a") + b"--B-", "closing boundary"),
        (b"nothing of the kind", "first boundary"),
        (b"--B\nContent-Disposition: form-data; name=a\n\n1\n--B--\n", "end with CRLF"),
        (written("form-data") + b"--B--", "has no name"),
        (written("form-data; name=a; name=b") + b"--B--", "'name' twice"),
        (written('form-data; name="a') + b"--B--", "cannot be read"),
        (written("form-data; name=a", more=b"\r\nContent-Disposition: x") + b"--B--", "twice"),
        (written("form-data; name=a", more=b"\r\nContent-Transfer-Encoding: base64") + b"--B--",
         "send its bytes as they are"),
        (b'--B\r\nContent-Disposition: form-data; name="\xfc"\r\n\r\n1\r\n--B--', "not UTF-8"),
        (written("form-data; name=a", more=b"\r\nContent-Type: multipart/mixed; boundary=C") + b"--B--",
         "'a' is multipart/mixed; send each file in a part of its own"),
    ],
)  # fmt: skip
def test_an_invalid_form_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        parse_multipart(KIND, body)


def test_only_headers_are_unfolded() -> None:
    content = b"a\r\n b\r\n\r\n --B\r\nX: 1\r\n 2\r\n\r\n"
    assert read(written("form-data;\r\n name=a", content)).texts == {"a": content.decode()}


def test_texts_are_decoded_in_their_declared_charset() -> None:
    wide = written(
        "form-data; name=a", "ü".encode("utf-16"), b"\r\nContent-Type: t/p; charset=utf-16"
    )
    assert read(wide).texts == {"a": "ü"}
    latin = written(
        "form-data; name=a", b"M\xfcller", b"\r\nContent-Type: text/plain; CHARSET=Latin1"
    )
    assert read(latin).texts == {"a": "Müller"}
    seven = written("form-data; name=a", b"+2AA-", b"\r\nContent-Type: text/plain; charset=utf-7")
    for odd in (written("form-data; name=a", b"M\xfcller"), seven):
        with pytest.raises(BadRequest) as refused:
            read(odd)
        assert "is not text in " in refused.value.problems[0].message


def test_a_form_may_name_its_charset_in_a_field_of_its_own() -> None:
    named = written("form-data; name=_charset_", b"iso-8859-1")
    assert read(named, written("form-data; name=a", b"M\xfc")).texts == {"a": "Mü"}
    assert urlencoded_form(b"a=M%FC&_charset_=windows-1252", "").texts == {"a": "Mü"}
    kind = "application/x-www-form-urlencoded; charset=iso-8859-1"
    assert urlencoded_form(b"a=M%FC&b=\xfc", kind).texts == {"a": "Mü", "b": "ü"}
    assert urlencoded_form(b"a=M%C3%BC", "x/y; charset=no-such").texts == {"a": "Mü"}


def test_a_form_is_bounded_in_fields_and_in_text() -> None:
    text = written("form-data; name=a", b"x" * 600_000)
    with pytest.raises(PayloadTooLarge, match="the fields of a form together"):
        read(text, text)
    with pytest.raises(BadRequest, match="1,000 fields and 10 files"):
        read(*[written("form-data; name=a")] * 1_001)
    with pytest.raises(BadRequest, match="more than 1,010 fields"):
        read(*[written("form-data; name=a")] * 2_000)


def test_parameters_are_parsed_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pattern, looked = header_parameters._PARAMETER, []

    class Counting:
        def match(self, value: bytes, at: int) -> object:
            found = pattern.match(value, at)
            looked.append((found.end() if found else len(value)) - at)
            return found

    monkeypatch.setattr(header_parameters, "_PARAMETER", Counting())
    for length in (1_000, 4_000):
        for odd in (
            b";" * length,
            b";a=" + b'"' * length,
            b"; a" * length,
            b';a="' + b"\\" * length,
        ):
            looked.clear()
            with contextlib.suppress(ValueError):
                parameters_of(b"form-data" + odd)
            assert sum(looked) <= len(odd)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"n": "5.5"}, 5.5), ({"n": ".5"}, 0.5), ({"n": "007"}, 7), ({"n": " -2e3 "}, -2000.0),
        ({"i": "7"}, 7), ({"b": "on"}, True), ({"b": "off"}, False), ({"b": "TRUE"}, True),
        ({"l": "[1, 2]"}, [1, 2]), ({"l": "1"}, ["1"]), ({"l": ["1", "2"]}, ["1", "2"]),
        ({"numbers": ["1", "2"]}, [1, 2]), ({"numbers": "1"}, [1]), ({"o": '{"a": 1}'}, {"a": 1}),
        ({"s": "007"}, "007"), ({"free": ""}, ""), ({"name": ""}, ""), ({"f": "id"}, "id"),
    ],
)  # fmt: skip
def test_a_text_is_converted_to_its_declared_type(
    given: dict[str, str | list[str]], value: object
) -> None:
    data, problems = values_of(FIELDS, given)
    assert (list(data.values()), problems) == ([value], [])
    assert type(next(iter(data.values()))) is type(value)


@pytest.mark.parametrize("name", [*OPTIONAL, "preset", "numbers"])
def test_a_blank_optional_field_is_left_out(name: str) -> None:
    assert values_of(FIELDS, {name: ""}) == ({}, [])


@pytest.mark.parametrize("kind", ["string", "integer", "boolean", "array", "object"])
def test_an_optional_field_that_was_emptied_is_null_and_not_its_default(kind: str) -> None:
    default: dict[str, Any] = {
        "string": "x",
        "integer": 1,
        "boolean": True,
        "array": [1],
        "object": {"a": 1},
    }
    fields = Fields({"f": {"type": kind, "required": False, "default": default[kind]}})
    assert values_of(fields, {"f": ""}) == ({"f": None}, [])
    assert values_of(fields, {}) == ({}, [])


@pytest.mark.parametrize(
    ("given", "path", "reason"),
    [
        ({"n": "1e999"}, "data.n", "too large"),
        ({"n": "٣"}, "data.n", "must be a number"),
        ({"n": "NaN"}, "data.n", "must be a number"),
        ({"i": "1.000"}, "data.i", "whole number without a point"),
        ({"i": "9" * 5_000}, "data.i", "beyond 2\\^53"),
        ({"b": "maybe"}, "data.b", "must be true or false"),
        ({"wanted": ""}, "data.wanted", "must be a number"),
        ({"l": "[1e999]"}, "data.l", "too large"),
        ({"l": "[" * 2_000 + "]" * 2_000}, "data.l", "nested deeper"),
        ({"l": "[" * 63 + "]" * 63}, "data", "the form is nested deeper than 64"),
        ({"o": '{"a":' * 3_000 + "1" + "}" * 3_000}, "data.o", "nested deeper"),
        ({"o": '{"a": 1, "a": 2}'}, "data.o", "occurs twice"),
        ({"o": "[]"}, "data.o", "must be an object"),
        ({"l": '["\\ud800"]'}, "data.l", "surrogate"),
        ({"l": "{"}, "data.l", "not valid JSON"),
        ({"numbers": ["1", "x"]}, "data.numbers", "must be a number"),
        ({"s": ["a", "b"]}, "data.s", "there twice"),
        ({"free": ["a", "b"]}, "data.free", "there twice"),
        ({"l": "[" + "1," * 60_000 + "1]", "numbers": "[" + "1," * 60_000 + "1]"}, "data",
         "the form holds more than 100000 values"),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_converted_is_named(
    given: dict[str, str | list[str]], path: str, reason: str
) -> None:
    _, problems = values_of(FIELDS, given)
    assert [problem.path for problem in problems] == [path]
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(problems[0].message)


def test_a_urlencoded_form_is_read_strictly() -> None:
    assert urlencoded_form(b"a=1&b=&a=2&c=M%C3%BCller+x", "").texts == {
        "a": ["1", "2"], "b": "", "c": "Müller x",
    }  # fmt: skip
    for odd in (b"a=\xff", b"a=%ff", b"a=%ed%a0%80", b"&".join([b"a=1"] * 2_000)):
        with pytest.raises(BadRequest, match="the form cannot be read"):
            urlencoded_form(odd, "")
