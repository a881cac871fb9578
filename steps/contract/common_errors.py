"""Errors with which steps of every type may fail."""

from collections.abc import Mapping

COMMON_ERRORS: Mapping[str, str] = {
    "ExpressionFailed": "an expression in the step's settings could not be evaluated",
    "InvalidOutput": "a declared output field is missing or has the wrong type, "
    "or what the step returned is not JSON",
    "Timeout": "the attempt took longer than the step's `timeout`; retried",
    "Interrupted": "a crash met the step, and `onInterrupted`, a person or the setting "
    "`max_interruptions` said that it fails then",
    "StepCrashed": "the step type has a bug, which the server's log shows; retried",
}
"""Errors with which every step may fail, and their meanings."""
