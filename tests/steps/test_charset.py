"""Detection of the charset of a text; a hostile charset name does no harm."""

import pytest

from steps.http.charset import charset_of, looks_like_text, text_of
from steps.http.charset_names import codec_named

PRICE = "Prix: 12 €, Müller"


@pytest.mark.parametrize(
    ("content_type", "codec"),
    [
        ("text/plain; Charset=ISO-8859-1", "cp1252"),
        ('text/plain;charset = "utf-16"', "utf_16_le"),
        ("text/plain; charset='latin1'", "cp1252"),
        ("text/plain; charset*=us-ascii'en'koi8-r", "koi8_r"),
        ('text/plain; format=flowed; CHARSET="Iso-8859-2"', "iso8859_2"),
        ('text/plain; charset="utf-8', "utf_8"),
        ("text/plain; charset=utf-8; charset=latin1", "utf_8"),
        ("text/plain; charset=x-sjis", "cp932"),
        ("text/plain; charset", None),
        ("text/plain", None),
        ("", None),
        ("; " * 30_000 + '"' * 30_000, None),
    ],
)
def test_a_charset_is_found_in_every_spelling(content_type: str, codec: str | None) -> None:
    assert charset_of(content_type) == codec


@pytest.mark.parametrize(
    "name",
    ["undefined", "idna", "punycode", "unicode_escape", "rot13", "hex", "base64", "bz2", "zlib",
     "uu", "mbcs", "x-unknown", "\0", "a" * 10_000, "encodings", "", None],
)  # fmt: skip
def test_a_codec_that_is_no_charset_is_ignored(name: str | None) -> None:
    assert codec_named(name) is None
    assert text_of(b"abc", f"text/plain; charset={name}") == "abc"


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        (PRICE.encode(), "text/plain", PRICE),
        (PRICE.encode("utf-8-sig"), "text/csv; charset=utf-8", PRICE),
        (PRICE.encode("cp1252"), "text/plain; charset=iso-8859-1", PRICE),
        (PRICE.encode("cp1252"), "text/plain", PRICE),
        (PRICE.encode("cp1252"), "text/plain; charset=us-ascii", PRICE),
        (PRICE.encode("utf-16"), "text/plain; charset=latin1", PRICE),
        (PRICE.encode("utf-16-be"), "text/plain; charset=utf-16be", PRICE),
        (PRICE.encode("utf-32"), "text/plain", PRICE),
        ("Ünïts 一".encode("gb18030"), "text/plain; charset=GB2312", "Ünïts 一"),
        ("テスト".encode("iso2022_jp"), "text/plain; charset=ISO-2022-JP", "テスト"),
        (b"\x81\x8d ok", "text/plain; charset=windows-1252", "\x81\x8d ok"),
        ("ä €".encode() + b"\xff", "text/plain", "ä €\ufffd"),
        (b"+2AA-", "text/plain; charset=utf-7", "\ufffd"),
        (b"\xff\xfe\x00\xd8", "text/plain", "\ufffd"),
    ],
)
def test_a_text_is_decoded_correctly(content: bytes, content_type: str, text: str) -> None:
    assert text_of(content, content_type) == text


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        ('<?xml version="1.0" encoding="ISO-8859-1"?>', "latin_1"),
        ("\n<?xml version='1.0' standalone='yes' encoding = 'windows-1251' ?>", "cp1251"),
        ('<?xml version="1.0" encoding="UTF-16"?>', "utf_16_le"),
        ('<?xml version="1.0" encoding="UTF-16"?>', "utf_8"),
        ("<html><head><meta charset=windows-1252>", "cp1252"),
        ('<META http-equiv="Content-Type" content="text/html; charset=koi8-r">', "koi8_r"),
        ('@charset "iso-8859-5";', "iso8859_5"),
    ],
)
def test_a_document_is_decoded_in_the_charset_it_declares(head: str, codec: str) -> None:
    text = f"{head}<p>{'Привет' if codec in ('cp1251', 'koi8_r', 'iso8859_5') else 'Müller'}</p>"
    assert text_of(text.encode(codec), "application/xml") == text
    if codec != "utf_16_le":  # the HTTP header takes precedence over the document
        assert text_of(text.encode(), "text/html; charset=utf-8") == text


@pytest.mark.parametrize("content", [b"%PDF\0", b"\x1f\x8b\x08", b"PK\x03\x04", b"\x7f", b"\xff"])
def test_binary_data_is_not_text(content: bytes) -> None:
    assert not looks_like_text(content)


@pytest.mark.parametrize("content", [b"", "ä\r\n\t".encode(), "x".encode("utf-16")])
def test_text_is_recognized_as_text(content: bytes) -> None:
    assert looks_like_text(content)
