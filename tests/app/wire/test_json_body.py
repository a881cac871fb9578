"""JSON of requests, read strictly and in proportion to its length."""

import pytest

from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_text import parse_json
from steps.language import strict_json


class Counted(str):
    """A key that counts how often it is compared."""

    __slots__ = ()
    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)


def test_a_key_that_is_there_twice_is_found_in_proportion() -> None:
    found = []
    for count in (1_000, 4_000):
        keys = [Counted(f"{number:x}") for number in range(count)]
        Counted.compared = 0
        with pytest.raises(ValueError, match=f"the key '{count - 1:x}' occurs twice"):
            strict_json._unique([(key, 1) for key in (*keys, Counted(f"{count - 1:x}"))])
        found.append(Counted.compared)
    assert found[1] <= 4 * found[0] + 10


def test_a_byte_order_mark_does_not_count() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_the_answer_names_the_key() -> None:
    with pytest.raises(BadRequest, match="the key 'a' occurs twice in one object"):
        parse_json(b'{"b": 1, "a": 1, "a": 2}')
