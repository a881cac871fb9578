"""Headers of sent mail: nothing in a field can add a header."""

from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.tools.addresses import addresses, one_line
from app.tools.email_message import Letter, message_id, written
from steps.contract.step_type import StepBroke
from steps.effects.stored_file import StoredFile

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
SENDER = Address("", "me", "example.com")
HEADERS = {
    "from", "to", "subject", "message-id", "date", "mime-version", "content-type",
    "content-transfer-encoding",
}  # fmt: skip


def letter(**more: object) -> Letter:
    given: dict[str, object] = {
        "sender": SENDER, "to": [SENDER], "cc": [], "bcc": [], "reply_to": [], "subject": "",
        "text": "", "html": None, "attachments": [],
    }  # fmt: skip
    return Letter(**{**given, **more})  # type: ignore[arg-type] # fields of many types in one dict


@given(TEXT, TEXT, TEXT, TEXT)
@example("=?utf-8?q?a=0ABcc:_eve=40example.com?=", "a", "b", "c")
@example("x", "=?utf-8?q?a=0ABcc:_eve=40example.com?=", "b", "c")
@example("x" * 200, "y " * 100, "z", 'a"; filename="b')
@example("\ud7ff\x85\u2028", '"', "\\", "\r")
def test_a_message_has_exactly_the_intended_headers(
    subject: str, shown: str, text: str, name: str
) -> None:
    file = StoredFile("f1", name or "a", "text/plain", b"\x00\xff")
    try:
        to = addresses(f"{shown} <ada@example.com>", "to")
        subject = one_line(subject, "subject")
    except StepBroke:
        return
    content = written(
        letter(to=to, subject=subject, text=text, attachments=[file]), "<a@b.example>", 0
    )
    assert content.isascii()
    message = message_from_bytes(content, policy=policy.default)
    assert {header.lower() for header in message} <= HEADERS
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.com"]
    assert len(message["To"].addresses) == 1
    assert len(list(message.iter_attachments())) == 1


PARTS = st.sampled_from(
    [
        "ada",
        "@",
        "example",
        ".",
        "com",
        "<",
        ">",
        ",",
        ";",
        '"',
        " ",
        "\n",
        "(",
        ":",
        "\\",
        "é",
        "-",
        "=",
    ]
)


@given(st.lists(PARTS, max_size=12).map("".join))
def test_an_address_is_one_address_or_refused(text: str) -> None:
    found = []
    with suppress(StepBroke):
        found = addresses(text, "to")
        assert len(found) == 1
    for address in found:
        assert address.addr_spec.isascii()
        assert address.addr_spec.count("@") == 1
        assert not set(address.addr_spec) & set(' \r\n<>,;:()"\\')


@pytest.mark.parametrize(
    ("domain", "sent"),
    [
        ("straße.example", "xn--strae-oqa.example"), ("STRASSE.example", "STRASSE.example"),
        ("Bücher.example", "xn--bcher-kva.example"), ("xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("βόλος.example", "xn--nxasmm1c.example"), ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("bücher。example", "xn--bcher-kva.example"), ("foo-bar.example", "foo-bar.example"),
    ],
)  # fmt: skip
def test_a_domain_is_kept_as_written(domain: str, sent: str) -> None:
    assert addresses(f"Ada <ada@{domain}>", "to")[0].addr_spec == f"ada@{sent}"


@pytest.mark.parametrize(
    "domain",
    ["☃.example", "xn--a.example", "xn--.example", "a\u200db.example", "-ü.example", "ü..example",
     "ü" * 64 + ".example", "ü" * 300 + ".example", "\u0430\u0300\u05d0.example", "\u0300ü.example"],
)  # fmt: skip
def test_an_invalid_domain_is_refused_with_the_reason(domain: str) -> None:
    with pytest.raises(StepBroke, match="to: ") as broke:
        addresses(f"ada@{domain}", "to")
    assert broke.value.error.type == "InvalidEmail"


def test_the_date_and_the_message_id_are_valid() -> None:
    content = written(letter(), message_id("run:step:1", SENDER), 1_700_000_000_000)
    message = message_from_bytes(content, policy=policy.default)
    assert message["Date"].datetime == datetime.fromtimestamp(1_700_000_000, UTC)
    assert message["Message-ID"].endswith("@example.com>")
