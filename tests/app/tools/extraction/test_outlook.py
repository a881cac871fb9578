"""MSG: messages as Outlook saves them, and RTF as it packs it."""

import pytest

from app.tools.extraction.packed_rich_text import unpacked
from tests.app.tools.extraction.reading import FILES, read


def test_a_message_of_outlook_is_read() -> None:
    found = read("a.msg", (FILES / "message.msg").read_bytes())
    assert found["text"] == (
        "From: Ada Lovelace <a@example.com>\nTo: b@example.com\nSubject: Grüße\n\nTotal 99 EUR\nbye"
    )
    assert found["metadata"]["title"] == "Grüße"


SPECIFIED = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
OVERLAPPING = "1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0"


@pytest.mark.parametrize(
    ("packed", "rich"),
    [
        (SPECIFIED, rb"{\rtf1\ansi\ansicpg1252\pard hello world}"),
        (OVERLAPPING, rb"{\rtf1 WXYZWXYZWXYZWXYZWXYZ}"),
        (SPECIFIED[:60], rb"{\rtf1\ansi\ansicpg125"),
    ],
)
def test_packed_rich_text_is_unpacked(packed: str, rich: bytes) -> None:
    """The first two are the examples of MS-OXRTFCP."""
    assert unpacked(bytes.fromhex(packed)).startswith(rich)


@pytest.mark.parametrize(
    ("packed", "said", "left_out"),
    [
        (b"\x1e\0\0\0\x12\0\0\0MELA\0\0\0\0" + rb"{\rtf1 99 \'80}   ", "99 €", []),
        (b"\x1e\0\0\0\x12\0\0\0LZxx\0\0\0\0".ljust(34), "",
         ["the body of the message: the document is damaged: its body is packed in an unknown way"]),
    ],
)  # fmt: skip
def test_a_message_of_outlook_in_rich_text_only_is_read(
    packed: bytes, said: str, left_out: list[str]
) -> None:
    content = (FILES / "message.msg").read_bytes()
    body = "Total 99 EUR\r\nbye".encode("utf-16-le")
    assert content.count(body) == 1
    assert len(body) == len(packed)
    plain, rich = (name.encode("utf-16-le") for name in ("1000001F", "10090102"))
    found = read("a.msg", content.replace(body, packed).replace(plain, rich))
    assert found["text"].partition("Grüße")[2].strip() == said
    assert found["leftOut"] == left_out
