"""JSON bodies of requests are parsed strictly and in linear time."""

import pytest

from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_text import parse_json
from steps.language import strict_json


class Counted(str):
    """A key that counts its comparisons."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def test_a_duplicate_key_is_found_in_linear_time() -> None:
    found = []
    for count in (1_000, 4_000):
        keys = [Counted(f"{number:x}") for number in range(count)]
        Counted.compared = 0
        with pytest.raises(ValueError, match=f"the key '{count - 1:x}' occurs twice"):
            strict_json._unique([(key, 1) for key in (*keys, Counted(f"{count - 1:x}"))])
        found.append(Counted.compared)
    assert found[1] <= 4 * found[0] + 10


def test_a_byte_order_mark_is_ignored() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_the_refusal_names_the_key() -> None:
    with pytest.raises(BadRequest, match="the key 'a' occurs twice in one object"):
        parse_json(b'{"b": 1, "a": 1, "a": 2}')
