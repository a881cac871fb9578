"""Generates JSON Schemas from models, for the API reference and for editors."""

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from steps.language.durations import duration_text


class SchemaWriter(GenerateJsonSchema):
    """Writes the default of a duration as the text that clients send, not as milliseconds."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a field with a default."""
        made = super().default_schema(schema)
        if made.get("type") == "string" and isinstance(made.get("default"), int):
            made["default"] = duration_text(made["default"])
        return made
