"""Arguments against the JSON Schema that a tool's server gives for them."""

import itertools

import jsonschema_rs

from app.telemetry import log
from engine import JsonObject
from steps.contract import StepBroke

_SHOWN = 5
_LONGEST = 300


class Arguments:
    """The check of one tool's arguments; a schema that cannot be read checks nothing."""

    def __init__(self, tool_id: str, schema: JsonObject) -> None:
        self._tool_id = tool_id
        self._validator: jsonschema_rs.Validator | None = None
        try:
            # Offline, since a schema must not make this process fetch what it names; and a
            # pattern that goes astray is given up instead of holding the event loop.
            self._validator = jsonschema_rs.validator_for(
                schema,
                offline=True,
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000),
            )
        except (jsonschema_rs.ReferencingError, ValueError) as odd:
            log.mcp_schema_unusable(tool_id, odd)

    def check(self, arguments: JsonObject) -> None:
        """Raise `StepBroke` that names every field that is wrong, up to a handful."""
        if self._validator is None:
            return
        wrong = [
            f"{_path(error.instance_path)} {error.message[:_LONGEST]}"
            for error in itertools.islice(self._validator.iter_errors(arguments), _SHOWN)
        ]
        if wrong:
            message = f"tool {self._tool_id} cannot take these inputs: {'; '.join(wrong)}"
            raise StepBroke("InvalidToolInput", message, retryable=False)


def _path(parts: list[str | int]) -> str:
    return "inputs" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts
    )
