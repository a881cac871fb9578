"""What a person may decide about a step that a crash interrupted, and how it is put."""

from engine import JsonObject

RUN_AGAIN, FAIL = "run-again", "fail"
CHOICES: tuple[JsonObject, ...] = (
    {"value": RUN_AGAIN, "label": "Run the step again"},
    {"value": FAIL, "label": "Let the step fail"},
)
"""They stand in the journal with the pause; runs that wait were asked by these values."""
