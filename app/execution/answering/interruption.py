"""The choices that a person has for a step that a crash interrupted, and their texts."""

from engine import JsonObject

RUN_AGAIN, FAIL = "run-again", "fail"
CHOICES: tuple[JsonObject, ...] = (
    {"value": RUN_AGAIN, "label": "Run the step again"},
    {"value": FAIL, "label": "Let the step fail"},
)
"""Stored in the journal with the pause; runs that wait were asked with these values."""
