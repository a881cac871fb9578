"""Values are checked against field specs, and of many problems the first are told."""

from engine import Json
from steps.fields import Fields


def test_of_many_wrong_items_the_first_are_told() -> None:
    fields = Fields({"x": {"type": "array", "items": {"type": "string"}}})
    for count in (1_000, 4_000):
        data: dict[str, Json] = {"x": [1] * count}
        problems = fields.check(data)
        assert len(problems) == 51
        assert problems[49].path == "data.x[49]"
        assert problems[50].message == f"has {count - 50} more problems of this kind"
