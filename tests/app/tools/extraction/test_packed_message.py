"""winmail.dat: the message and the names of attachments that Outlook packs into one file."""

import struct
from email.message import EmailMessage

import pytest

from tests.app.tools.extraction.reading import failure_of, read

SUBJECT, BODY, CODEPAGE, PROPERTIES = 0x18004, 0x2800C, 0x69007, 0x69003
BEGINS, NAME, OF_ATTACHMENT = 0x69002, 0x18010, 0x69005
TEXT, UNICODE, BINARY, OBJECT = 0x1E, 0x1F, 0x102, 0x0D
LONG_NAME, CONTENT, HTML, RICH, PLAIN = 0x3707, 0x3701, 0x1013, 0x1009, 0x1000


def attribute(tag: int, value: bytes) -> bytes:
    level = 2 if tag in (BEGINS, NAME, OF_ATTACHMENT) else 1
    checksum = struct.pack("<H", sum(value) & 0xFFFF)
    return struct.pack("<BII", level, tag, len(value)) + value + checksum


def padded(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value + bytes(-len(value) % 4)


def properties(*given: tuple[int, int, bytes]) -> bytes:
    """Return properties after one with a name, one of several values and one of fixed size."""
    named = struct.pack("<HH16xI", TEXT, 0x8001, 1) + padded("né".encode("utf-16-le"))
    odd = named + struct.pack("<I", 1) + padded(b"x")
    odd += struct.pack("<HHIII", 0x1003, 0x6001, 2, 7, 8) + struct.pack("<HHI", 0x0B, 0x6002, 1)
    found = [struct.pack("<HHI", kind, tag, 1) + padded(value) for tag, kind, value in given]
    return struct.pack("<I", 3 + len(found)) + odd + b"".join(found)


def packed(*attributes: bytes) -> bytes:
    return b"\x78\x9f\x3e\x22\x01\0" + b"".join(attributes)


INNER = packed(attribute(PROPERTIES, properties((HTML, BINARY, b"<p>forwarded</p>"))))
ATTACHED = (
    attribute(BEGINS, b"") + attribute(NAME, b"OLD~1.TXT\0"),
    attribute(BEGINS, b"")
    + attribute(NAME, b"NEW~1.PDF\0")
    + attribute(OF_ATTACHMENT, properties((LONG_NAME, UNICODE, "Añejo.pdf".encode("utf-16-le")))),
    attribute(BEGINS, b"")
    + attribute(OF_ATTACHMENT, properties((CONTENT, OBJECT, bytes(16) + INNER))),
)
NAMES = ["the attachment OLD~1.TXT", "the attachment Añejo.pdf"]
MESSAGE = packed(
    attribute(CODEPAGE, struct.pack("<II", 1251, 0)),
    attribute(SUBJECT, "Привет\0".encode("cp1251")),
    attribute(PROPERTIES, properties((PLAIN, TEXT, "жизнь\0".encode("cp1251")))),
    *ATTACHED,
)


def test_the_body_and_the_names_of_attachments_are_read() -> None:
    found = read("winmail.dat", MESSAGE)
    assert found["text"] == "Subject: Привет\n\nжизнь\n\nforwarded"
    assert (found["leftOut"], found["mediaType"]) == (NAMES, "application/ms-tnef")
    assert found["metadata"] == {"title": "Привет"}


@pytest.mark.parametrize(
    ("text", "shown"), [("hello\n", "hello"), (" \n", "Subject: Привет\n\nжизнь")]
)
def test_in_a_mail_its_body_counts_only_if_there_is_no_other(text: str, shown: str) -> None:
    mail = EmailMessage()
    mail["Subject"] = "s"
    mail.set_content(text)
    mail.add_attachment(MESSAGE, maintype="application", subtype="octet-stream", filename="w.dat")
    found = read("a.eml", mail.as_bytes())
    assert found["text"].split() == ["Subject:", "s", *shown.split(), "forwarded"]
    assert found["leftOut"] == NAMES


RICH_TEXT = b"\x40\0\0\0\x32\0\0\0MELA\0\0\0\0" + rb"{\rtf1 begin}"


@pytest.mark.parametrize(
    ("content", "text", "left_out"),
    [
        (MESSAGE[:-1], "Subject: Привет\n\nжизнь",
         ["the end of the message, which is damaged or cut off", *NAMES,
          "the attachment without a name"]),
        (MESSAGE + b"\0\0\0\0", "Subject: Привет\n\nжизнь\n\nforwarded", NAMES),
        (packed(attribute(PROPERTIES, properties((RICH, BINARY, RICH_TEXT)))), "begin", []),
    ],
)  # fmt: skip
def test_what_is_cut_off_is_named(content: bytes, text: str, left_out: list[str]) -> None:
    found = read("winmail.dat", content)
    assert (found["text"], found["leftOut"]) == (text, left_out)


def test_properties_that_make_no_sense_are_damage() -> None:
    for value in (b"\x01\0\0\0", properties()[:-2], struct.pack("<IHH", 1, 0x99, 1) + bytes(9)):
        kind, message = failure_of("winmail.dat", packed(attribute(PROPERTIES, value)))
        assert kind == "DocumentUnreadable"
        assert "its properties cannot be read" in message
