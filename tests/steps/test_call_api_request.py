"""The request that call-api makes from its settings, and the errors for invalid ones."""

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from steps.call_api import CallApi
from steps.contract.step_type import Done, ResponseUnreadable, StepBroke
from steps.effects.http_messages import HttpRequest, HttpResponse
from steps.effects.stored_file import StoredFile
from steps.language.beside import share_way
from steps.testing import FakeEffects, StepTrial, http_response

FILE = StoredFile("f1", "a.pdf", "application/pdf", b"%PDF")
DATA = {"none": None, "list": ["a", None, 2, True], "object": {"x": 1}, "big": 12345678901234567890}


async def sent(**settings: Any) -> HttpRequest:
    effects = FakeEffects(responses=[http_response(200)], files=[FILE])
    step = {"url": "https://shop.example/x?a=1", "method": "POST", **settings}
    await StepTrial(CallApi(), step, effects, data=DATA).execute()
    return effects.requests[0]


async def refused(**settings: Any) -> str:
    with pytest.raises(StepBroke) as broke:
        await sent(**settings)
    assert (broke.value.error.type, broke.value.error.retryable) == ("InvalidRequest", False)
    return broke.value.error.message


async def test_headers_are_merged_regardless_of_case() -> None:
    request = await sent(
        headers={"content-type": "application/merge-patch+json", "authorization": "Basic x",
                 "IDEMPOTENCY-KEY": "mine", "X-A": "1", "x-a": " 2 "},
        auth={"type": "bearer", "token": "t"},
        body={"a": 1},
    )  # fmt: skip
    assert dict(request.headers) == {
        "content-type": "application/merge-patch+json",
        "Authorization": "Bearer t",
        "IDEMPOTENCY-KEY": "mine",
        "x-a": "2",
    }


@pytest.mark.parametrize(
    ("headers", "said"),
    [({"X-Name": "Müller"}, "X-Name has characters beyond ASCII"), ({"X-A": "a\nb"}, "line break"),
     ({"X-A": "a\x00"}, "line break"), ({"X A": "1"}, "'X A' is not a header name"), ({"": "1"}, "'' is not a header name"),
     ({"X-A": "{{ data.none }}"}, "headers.X-A must be a text, a number or a boolean, not null")],
)  # fmt: skip
async def test_a_header_that_cannot_be_sent_is_named(headers: dict[str, str], said: str) -> None:
    assert said in await refused(headers=headers)


async def test_lists_and_nulls_in_queries_forms_and_parts() -> None:
    listed = {"l": "{{ data.list }}", "n": "{{ data.none }}", "b": "{{ data.big }}"}
    texts = ["a", "2", "true"]
    assert (await sent(query=listed)).query == [
        *(("l", text) for text in texts),
        ("b", "12345678901234567890"),
    ]
    assert (await sent(form=listed)).form == {"l": texts, "b": ["12345678901234567890"]}
    parts = {"l": "{{ data.list }}", "n": None, "f": [{"file": "f1"}, "x"]}
    assert (await sent(multipart=parts)).files == [
        *(("l", "", text.encode(), "") for text in texts),
        ("f", "a.pdf", b"%PDF", "application/pdf"),
        ("f", "", b"x", ""),
    ]


@pytest.mark.parametrize(
    ("name", "stored"),
    [(None, "x"), ("{{ data.none }}", "x"), ("{{ data.object }}", '{"x": 1}'), ("a b", "a b")],
)
async def test_a_file_is_named_by_the_step_or_by_the_address(name: Any, stored: str) -> None:
    effects = FakeEffects(responses=[http_response(200, content=b"x")])
    step = {"url": "https://shop.example/a/x?a=1", "saveAs": "file", "fileName": name}
    await StepTrial(CallApi(), step, effects, data=DATA).execute()
    assert effects.saved[0].name == stored


@pytest.mark.parametrize(
    ("disposition", "stored"),
    [
        ('attachment; filename="report 7.pdf"', "report 7.pdf"),
        ("attachment; filename=\"M.pdf\"; filename*=UTF-8''M%C3%BCller.pdf", "Müller.pdf"),
        ("attachment; FileName*=iso-8859-1'de'%fc.pdf", "ü.pdf"),
        ('attachment; filename="../../etc/a\\"b.pdf"', 'a"b.pdf'),
        ('attachment; filename="C:\\\\files\\\\a.pdf"', "a.pdf"),
        ("attachment; filename=a b.pdf ; size=3", "a b.pdf"),
        ('attachment; filename="=?UTF-8?B?TcO8LnBkZg==?="', "Mü.pdf"),
        (f'attachment; filename="{"x" * 300}.pdf"', f"{'x' * 196}.pdf"),
        ('inline; filename=".."', "get"),
        ("attachment; filename*=UTF-8''%2F; filename=", "get"),
        ("inline", "get"),
    ],
)
async def test_a_file_is_named_by_its_response(disposition: str, stored: str) -> None:
    answer = http_response(200, content=b"x", headers={"content-disposition": disposition})
    effects = FakeEffects(responses=[answer])
    step = {"url": "https://shop.example/get?id=5", "saveAs": "file"}
    done = await StepTrial(CallApi(), step, effects, data=DATA).execute()
    assert effects.saved[0].name == stored
    assert done.output["file"]["fileName"] == stored  # type: ignore[union-attr, index, call-overload]


@pytest.mark.parametrize("place", ["query", "form", "multipart"])
async def test_an_object_is_not_accepted_as_text(place: str) -> None:
    message = await refused(**{place: {"o": "{{ data.object }}"}})
    assert f"{place}.o must be" in message
    assert "not an object" in message


@pytest.mark.parametrize(
    ("kind", "body", "content"),
    [
        ("text/plain; charset=ISO-8859-1", {"text": "Mü"}, b"M\xfc"),
        ("text/csv", {"text": "Mü"}, b"M\xc3\xbc"),
        ("text/xml; charset=utf-16", {"text": "ü"}, b"\xff\xfe\xfc\0"),
        ("text/xml; charset=utf-16be", {"text": "ü"}, b"\0\xfc"),
        ("application/json; charset=latin1", {"body": {"n": "Mü€"}}, b'{"n": "M\\u00fc\\u20ac"}'),
        ("application/json; charset=UTF-8", {"body": {"n": "Mü"}}, b'{"n": "M\xc3\xbc"}'),
        ("application/x-www-form-urlencoded; charset=ISO-8859-1", {"form": {"n": "M ü"}}, b"n=M+%FC"),
    ],
)  # fmt: skip
async def test_a_body_is_sent_in_the_charset_of_its_content_type(
    kind: str, body: dict[str, Any], content: bytes
) -> None:
    assert (await sent(headers={"content-type": kind}, **body)).content == content


@pytest.mark.parametrize(
    ("charset", "body"),
    [("latin1", {"text": "Счёт"}), ("iso-8859-1", {"text": "€"}), ("us-ascii", {"text": "ü"}),
     ("latin1", {"form": {"a": "€"}})],
)  # fmt: skip
async def test_what_a_charset_cannot_write_is_refused(charset: str, body: dict[str, Any]) -> None:
    """Browsers read latin1 as windows-1252; other receivers do not."""
    said = await refused(headers={"Content-Type": f"text/plain; charset={charset}"}, **body)
    assert f"{next(iter(body))}: the charset of the Content-Type has no character" in said


async def test_a_url_may_have_surrounding_blanks_and_an_uppercase_scheme() -> None:
    assert (await sent(url=" HTTPS://shop.example/x\n")).url == "HTTPS://shop.example/x"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("multipart/form-data", None), ("multipart/form-data; boundary=B", "multipart/form-data; boundary=B")],
)  # fmt: skip
async def test_multipart_content_types_get_a_boundary(given: str, kept: str | None) -> None:
    request = await sent(multipart={"a": "1"}, headers={"Content-Type": given})
    assert request.headers.get("Content-Type") == kept
    said = await refused(multipart={"a": "1"}, headers={"Content-Type": "multipart/related"})
    assert "not as multipart/related" in said


async def test_integers_are_sent_with_all_their_digits() -> None:
    request = await sent(body={"all": "{{ data }}", "id": "{{ data.big }}"})
    assert (request.content or b"").count(b"12345678901234567890") == 2


@pytest.mark.parametrize(
    ("wanted", "take", "encoding"),
    [("auto", "unpacked", None), ("none", "nothing", None), ("base64", "as-sent", "identity")],
)
async def test_the_response_settings_are_part_of_the_request(
    wanted: str, take: str, encoding: str | None
) -> None:
    request = await sent(responseType=wanted)
    assert (request.take, request.headers.get("Accept-Encoding")) == (take, encoding)


class Unreadable(FakeEffects):
    status = 200

    async def http(self, request: HttpRequest) -> HttpResponse:
        answer = HttpResponse(self.status, {"content-type": "text/plain"}, b"half")
        raise ResponseUnreadable("InvalidResponse", "cannot be read", answer)


@pytest.mark.parametrize(("status", "kind"), [(200, "InvalidResponse"), (503, "HttpStatus")])
async def test_the_status_takes_precedence_over_an_unreadable_body(status: int, kind: str) -> None:
    effects = Unreadable()
    effects.status = status
    with pytest.raises(StepBroke) as broke:
        await StepTrial(CallApi(), {"url": "https://shop.example/"}, effects).execute()
    assert (broke.value.error.type, broke.value.error.retryable) == (kind, status == 503)


@pytest.mark.parametrize(
    ("status", "kind", "content", "message"),
    [
        (404, "text/plain; charset=latin1", "Müller".encode("latin-1"), "status 404: Müller"),
        (500, "image/png", b"\x89PNG", "status 500"),
        (304, "", b"", "status 304"),
        (302, "text/html", b" ",
         "status 302: it says that the answer is elsewhere, and not where (no Location)"),
    ],
)  # fmt: skip
async def test_the_message_for_an_error_response_has_its_text_if_there_is_one(
    status: int, kind: str, content: bytes, message: str
) -> None:
    answer = HttpResponse(status, {"content-type": kind}, content)
    step = StepTrial(CallApi(), {"url": "https://shop.example/"}, FakeEffects(responses=[answer]))
    with pytest.raises(StepBroke) as broke:
        await step.execute()
    assert broke.value.error.message == f"the answer has {message}"


async def test_an_answer_in_another_charset_is_decoded() -> None:
    answer = HttpResponse(
        200, {"content-type": "application/json"}, '{"n": "Müller"}'.encode("utf-16")
    )
    step = StepTrial(CallApi(), {"url": "https://shop.example/"}, FakeEffects(responses=[answer]))
    assert isinstance(await step.execute(), Done)
    assert step.output["body"] == {"n": "Müller"}


async def test_long_bodies_are_encoded_and_decoded_off_the_event_loop() -> None:
    threads: list[int] = []

    async def way(work: Callable[[], Any]) -> Any:
        def seen() -> Any:
            threads.append(threading.get_ident())
            return work()

        return await asyncio.to_thread(seen)

    share_way(way)
    for length, beside in ((20, 0), (20_000, 2)):
        threads.clear()
        many = list(range(length))
        effects = FakeEffects(responses=[http_response(json={"many": many})])
        step = {"url": "https://shop.example/", "method": "POST", "body": {"many": many}}
        done = await StepTrial(CallApi(), step, effects).execute()
        assert isinstance(done, Done)
        assert json.loads(effects.requests[0].content or b"") == {"many": many}
        assert isinstance(done.output, dict)
        assert done.output["body"] == {"many": many}
        assert threading.get_ident() not in threads
        assert len(threads) == beside
