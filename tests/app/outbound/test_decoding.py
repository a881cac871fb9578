"""Compressed bodies: all members are decompressed, and incomplete ones are refused."""

import gzip
import zlib
from collections.abc import Iterable

import pytest

from app.outbound.decoding import BoundedDecoder, NotDecodable, TooLong

TEXT = b"".join(b"line %06d\n" % number for number in range(2_000))


def raw(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def unpacked(encoding: str, chunks: Iterable[bytes], limit: int = 1_000_000) -> bytes:
    decoder = BoundedDecoder(encoding, limit)
    content = b"".join(decoder.decode(chunk) for chunk in chunks)
    decoder.finish()
    return content


def bytewise(content: bytes) -> list[bytes]:
    return [content[at : at + 1] for at in range(len(content))]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("X-GZIP", gzip.compress(TEXT[:7], mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(TEXT[7:], mtime=0)),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"\0" * 5),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw(TEXT)),
        ("deflate", gzip.compress(TEXT, mtime=0)),
        ("identity", TEXT), ("", TEXT), ("utf-8", TEXT), ("none", TEXT),
    ],
)  # fmt: skip
def test_a_body_is_decompressed_whatever_its_chunks(encoding: str, packed: bytes) -> None:
    assert unpacked(encoding, [packed]) == TEXT
    assert unpacked(encoding, bytewise(packed)) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_answer_without_a_body_is_complete(encoding: str) -> None:
    assert unpacked(encoding, []) == b""


@pytest.mark.parametrize(
    ("encoding", "packed", "why"),
    [
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9], "broken off"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:1], "broken off"),
        ("gzip", gzip.compress(b"a", mtime=0) + gzip.compress(TEXT, mtime=0)[:-1], "broken off"),
        ("deflate", raw(TEXT)[:-1], "broken off"),
        ("deflate", zlib.compress(TEXT)[:500], "broken off"),
        ("gzip", b"plain text", "not compressed as it says"),
        ("gzip", gzip.compress(b"a", mtime=0)[:-8] + b"\0" * 8, "not compressed as it says"),
        ("gzip", gzip.compress(b"a", mtime=0) + b"<b>warning</b>", "something follows"),
        ("gzip", gzip.compress(b"", mtime=0) * 10_001, "members"),
        ("br", b"x", "br, which was not offered"),
        ("zstd", b"x", "zstd, which was not offered"),
        ("gzip, gzip, gzip", b"x", "more than 2 times"),
        ("gzip, gzip", gzip.compress(gzip.compress(TEXT, mtime=0)[:-9], mtime=0), "broken off"),
    ],
)
def test_incomplete_data_and_unknown_encodings_are_refused(
    encoding: str, packed: bytes, why: str
) -> None:
    with pytest.raises(NotDecodable, match=why):
        unpacked(encoding, [packed])


def test_two_encodings_are_decoded_within_the_limit() -> None:
    twice = gzip.compress(zlib.compress(TEXT), mtime=0)
    assert unpacked("deflate, gzip", [twice]) == TEXT
    assert unpacked("aws-chunked", [TEXT]) == TEXT
    zeros = zlib.compress(zlib.compress(bytes(9_000_000), 9), 9)
    assert len(zeros) < 500
    with pytest.raises(TooLong):
        unpacked("deflate, deflate", [zeros], 8_000_000)


def test_the_limit_applies_before_and_after_decompression() -> None:
    assert unpacked("gzip", [gzip.compress(TEXT, mtime=0)], len(TEXT)) == TEXT
    with pytest.raises(TooLong):
        unpacked("gzip", [gzip.compress(TEXT, mtime=0)], len(TEXT) - 1)
    with pytest.raises(TooLong):
        unpacked("gzip", [gzip.compress(b"", mtime=0) * 5_000], 1_000)
