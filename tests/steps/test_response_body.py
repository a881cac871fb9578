"""How call-api decodes the body of an answer."""

import base64
import json

import pytest

from steps.contract.step_type import StepBroke
from steps.effects.http_messages import HttpResponse
from steps.http.response_body import ResponseType, read_body

ROW = {"id": 12345678901234567890, "name": "Müller"}
TEXT = json.dumps(ROW, ensure_ascii=False)


def read(content: bytes, content_type: str | None, wanted: ResponseType = "auto") -> object:
    headers = {} if content_type is None else {"content-type": content_type}
    found = read_body(HttpResponse(201, headers, content), wanted)
    return found["body"] if "encoding" not in found else base64.b64decode(str(found["body"]))


@pytest.mark.parametrize("content_type", ["application/json", "application/JSON; odata=x",
    "application/problem+json", "application/vnd.api+json;version=1", "text/json", "text/x-json",
    "application/json, application/json"])  # fmt: skip
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32-le", "latin-1"])  # fmt: skip
def test_json_is_read_in_any_charset(content_type: str, codec: str) -> None:
    assert read(TEXT.encode(codec), content_type) == ROW


@pytest.mark.parametrize(
    "content_type",
    ["application/soap+xml; charset=utf-8", "application/rss+xml", "application/atom+xml",
     "image/svg+xml", "application/x-ndjson", "application/jsonl", "application/stream+json", "application/json-seq", "application/geo+json-seq",
     "application/yaml", "application/x-yaml", "application/openapi+yaml", "application/csv",
     "text/csv", "application/x-www-form-urlencoded", "application/javascript", "text/plain",
     "application/graphql", "application/sql", "application/toml", "application/xhtml+xml",
     "application/xml-dtd", "application/vnd.acme; charset=utf-8", "application/edi-x12"],
)  # fmt: skip
def test_text_types_are_decoded_as_text(content_type: str) -> None:
    assert read(b"\xef\xbb\xbf<e>12</e>\n", content_type) == "<e>12</e>\n"


@pytest.mark.parametrize(
    "content_type",
    ["application/octet-stream", "image/png", "application/pdf", "application/zip", "audio/mpeg",
     "application/vnd.oasis.opendocument.text", "application/cbor", "application/senml+cbor",
     "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     "application/vnd.ms-excel", "application/epub+zip"],
)  # fmt: skip
def test_other_types_are_bytes(content_type: str) -> None:
    assert read(b"plain", content_type) == b"plain"


@pytest.mark.parametrize("content_type", [None, "", "nonsense", ";charset=utf-8",
    '"application/json"', "multipart/mixed; boundary=b", "application/x-amz-json-1.1",
    "application/vnd.acme.json", "message/rfc822"])  # fmt: skip
@pytest.mark.parametrize(
    ("content", "body"),
    [(TEXT.encode(), ROW), (b" [1]", [1]), (b"12", "12"), (b"{broken", "{broken"),
     ("ä".encode(), "ä"), (b"\x00\xff", b"\x00\xff")],
)  # fmt: skip
def test_without_a_content_type_the_bytes_decide(
    content_type: str | None, content: bytes, body: object
) -> None:
    assert read(content, content_type) == body


@pytest.mark.parametrize("content", [b"", b"\n", b" \t\r\n", b"\xef\xbb\xbf\n"])
def test_blank_json_counts_as_no_body(content: bytes) -> None:
    assert read(content, "application/json") is None


@pytest.mark.parametrize(
    ("wanted", "body"),
    [("json", ROW), ("text", TEXT), ("base64", TEXT.encode()), ("none", None)],
)
def test_the_step_may_set_the_response_type(wanted: ResponseType, body: object) -> None:
    assert read(TEXT.encode(), "text/plain", wanted) == body
    assert read(TEXT.encode(), "application/json", wanted) == body


@pytest.mark.parametrize("content", [b"{'a': 1}", b")]}',\n{}", b'{"a":1}\n{"a":2}', b"1e999", b"[" * 99])  # fmt: skip
def test_an_error_for_invalid_json_shows_the_body_and_a_remedy(content: bytes) -> None:
    with pytest.raises(StepBroke) as broke:
        read(content, "application/json; x=1")
    error = broke.value.error
    assert error.type == "InvalidResponse"
    for part in ("status 201", "application/json", f"{len(content)} bytes", "responseType to text"):
        assert part in error.message
