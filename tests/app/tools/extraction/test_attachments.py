"""Messages that are attached to messages, in any format, also in archives and under a signature."""

import zipfile
import zlib
from collections.abc import Callable
from email.message import EmailMessage
from io import BytesIO
from typing import TypeAlias

import pytest

from tests.app.tools.extraction.reading import failure_of, read
from tests.harness.outlook_file import attachment, message, outlook_file

SIGNED = b"Content-Type: text/plain\r\n\r\nsigned words\r\n"
SEALED = "IPM.Note.SMIME"

Wrap: TypeAlias = Callable[..., bytes]


def mail(subject: str, *attached: tuple[str, bytes], kind: str = "octet-stream") -> bytes:
    made = EmailMessage()
    made["Subject"] = subject
    made.set_content(f"body of {subject}")
    for name, content in attached:
        made.add_attachment(content, maintype="application", subtype=kind, filename=name)
    return made.as_bytes()


def archive(*files: tuple[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files:
            made.writestr(name, content)
    return out.getvalue()


def der(tag: int, *values: bytes) -> bytes:
    content = b"".join(values)
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content


def endless(tag: int, *values: bytes) -> bytes:
    return bytes([tag, 0x80]) + b"".join(values) + b"\0\0"


def compressed(content: bytes = SIGNED) -> bytes:
    """Return a message that is compressed as a whole."""
    held = der(0x30, der(0x06, b"x"), der(0xA0, der(0x04, zlib.compress(content))))
    body = der(0x30, b"\x02\x01\x00", der(0x30, der(0x06, b"zlib")), held)
    return der(0x30, bytes.fromhex("060b2a864886f70d0109100109"), der(0xA0, body))


def signed(content: bytes = SIGNED, wrap: Wrap = der) -> bytes:
    """Return a message that is signed as a whole, without its signature."""
    octets = wrap(0x24, der(0x04, content[:9]), der(0x04, content[9:])) if content else b""
    held = wrap(0x30, bytes.fromhex("06092a864886f70d010701"), wrap(0xA0, octets))
    body = wrap(0x30, b"\x02\x01\x01", b"\x31\0", held)
    return wrap(0x30, bytes.fromhex("06092a864886f70d010702"), wrap(0xA0, body))


NOTE = mail("note", ("a.pdf", b"%PDF-1.4"))
OUTLOOK = outlook_file(message("letter", "body of letter", attachment(NOTE, "note.eml")))
PACKED = archive(("n.eml", NOTE), ("in.zip", archive(("N.EML", OUTLOOK))), ("r.txt", b"From: a"))
NO_ARCHIVE = (
    "the document is damaged: its archive ends early or is not one (File is not a zip file)"
)
PDF = "the attachment a.pdf (application/octet-stream)"


@pytest.mark.parametrize(
    ("name", "content", "subjects", "left_out"),
    [
        ("a.eml", mail("top", ("letter.msg", OUTLOOK)), "top letter note", [PDF]),
        ("a.msg", OUTLOOK, "letter note", [PDF]),
        ("a.eml", mail("top", ("all.zip", PACKED)), "top note letter note",
         [f"{PDF} (2 times)", "the attachment all.zip: r.txt"]),
        ("a.eml", mail("top", ("z.zip", PACKED[:-9]), ("e.zip", archive())), "top",
         [f"the attachment z.zip: {NO_ARCHIVE}", "the attachment e.zip (application/octet-stream)"]),
        ("a.eml", mail("top", ("m.msg", OUTLOOK[:900])), "top",
         ["the attachment m.msg (application/octet-stream)"]),
    ],
)  # fmt: skip
def test_messages_that_are_attached_are_read(
    name: str, content: bytes, subjects: str, left_out: list[str]
) -> None:
    found = read(name, content)
    bodies = [line[8:] for line in found["text"].splitlines() if line.startswith("body of ")]
    assert (bodies, found["leftOut"]) == (subjects.split(), left_out)


def test_messages_and_archives_that_are_nested_too_deep_are_named() -> None:
    letter, packed = NOTE, NOTE
    for number in range(6):
        letter = outlook_file(message("", f"body {number}", attachment(letter, f"{number}.eml")))
        packed = archive((f"{number}.zip" if number else "0.eml", packed))
    found = read("a.msg", letter)
    assert found["text"].split("\n\n") == [f"body {number}" for number in reversed(range(6))]
    assert found["leftOut"] == ["the attachment 0.eml: nested too deep"]
    found = read("a.eml", mail("top", ("6.zip", packed)))
    assert found["leftOut"] == ["the attachment 6.zip: 5.zip: 4.zip: 3.zip: nested too deep"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.eml", mail("s", ("smime.p7m", signed()), kind="pkcs7-mime")),
        ("a.eml", mail("s", ("smime.p7m", signed(wrap=endless)), kind="x-pkcs7-mime")),
        ("a.eml", mail("s", ("smime.p7m", signed()))),
        ("a.eml", mail("s", ("smime.p7z", compressed()), kind="pkcs7-mime")),
        ("a.msg", outlook_file(message("s", "", attachment(signed(), "p"), kind=SEALED))),
        ("a.msg", outlook_file(message("s", "signed words", attachment(SIGNED, ""),
                                       kind=f"{SEALED}.MultipartSigned"))),
    ],
)  # fmt: skip
def test_what_is_signed_is_read(name: str, content: bytes) -> None:
    found = read(name, content)
    assert (found["text"].split()[-2:], found["leftOut"]) == (["signed", "words"], [])
    assert found["text"].count("signed words") == 1


def test_what_is_encrypted_within_a_mail_is_named_and_certificates_are() -> None:
    letter = mail("s", ("p", b"\x30\x80"), ("c", signed(b"")), kind="pkcs7-mime")
    assert read("a.eml", letter)["leftOut"] == [
        "a part that is encrypted",
        "the attachment c (application/pkcs7-mime)",
    ]
    sealed = outlook_file(message("s", "", attachment(b"\x30\x80", "p"), kind=SEALED))
    assert "encrypted" in failure_of("a.msg", sealed)[1]
    cut = outlook_file(message("s", "", attachment(signed()[:60], "p"), kind=SEALED))
    assert "what it encloses ends early" in failure_of("a.msg", cut)[1]
