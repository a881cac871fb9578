"""JSON Schema in the form that client generators expect, and examples made from it."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from steps.checking.schema_writer import SchemaWriter

REFERENCE = "#/components/schemas/{model}"
Schema = dict[str, Any]
_LEFT_OUT = ("title", "ge", "gt", "le", "lt")
"""Keys that add nothing in JSON Schema, unless they are names of fields."""
_VALUES = ("default", "example", "examples", "const", "enum")


class Schemas(SchemaWriter):
    """Writes defaults as they are sent, and none if leaving a field out means nothing."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a field with a default; durations are texts."""
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False: a title that repeats the field's name adds nothing."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema of a nullable value, in the short form if its type is a plain one."""
        made = super().nullable_schema(schema)
        options = [part for part in made.get("anyOf", ()) if part != {"type": "null"}]
        if len(options) == 1 and options[0].keys().isdisjoint(("$ref", "enum", "anyOf")):
            return {**options[0], "type": [options[0]["type"], "null"]}
        return made


def schemas_of(kinds: dict[str, Any]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """Return the schema of each type that pydantic knows, and those that they refer to."""
    made, common = TypeAdapter.json_schemas(
        [(name, "validation", TypeAdapter(kind)) for name, kind in kinds.items()],
        ref_template=REFERENCE,
        schema_generator=Schemas,
    )
    defined = common.get("$defs", {})
    return (
        {name: plain(schema) for (name, _), schema in made.items()},
        {name: plain(schema) for name, schema in defined.items()},
    )


def plain(schema: Any) -> Any:
    """Return a schema without titles, which generators name types after, and pydantic's keys."""
    if isinstance(schema, list):
        return [plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: part if key in _VALUES else plain(part)
        for key, part in schema.items()
        if key not in _LEFT_OUT or isinstance(part, dict)
    }


def never_null(schema: Schema) -> Schema:
    """Return the schema of a value that is left out when empty, such as a query parameter."""
    if isinstance(schema.get("type"), list):
        return {**schema, "type": schema["type"][0]}
    options = [part for part in schema.get("anyOf", ()) if part != {"type": "null"}]
    if len(options) != 1:
        return schema
    return {**{key: part for key, part in schema.items() if key != "anyOf"}, **options[0]}


def example_of(schema: Schema, defined: dict[str, Schema]) -> Any:
    """Return an example for a schema, made from the examples of its parts."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(defined[schema["$ref"].rpartition("/")[2]], defined)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], defined)
    kind = schema.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            parts = schema.get("properties", {}).items()
            wanted = schema.get("required", [])
            return {name: example_of(part, defined) for name, part in parts if name in wanted}
        case "array":
            return [example_of(schema["items"], defined)]
        case "string":
            return "text"
        case "integer" | "number":
            return 1
        case "boolean":
            return True
    return None
