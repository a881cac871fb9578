"""A request body with a definition: JSON or YAML."""

from functools import partial

from starlette.requests import Request

from app.concurrency.offload import LONG_BYTES, offload
from app.definitions.definition_text import TextRefused, yaml_definition
from app.settings.server import Settings
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.fields import fields_of
from app.wire.parsing.json_body import json_body, read_body
from engine import Json, JsonObject

YAML = "application/yaml"
_YAML_TYPES = frozenset({YAML, "application/x-yaml", "text/yaml", "text/x-yaml"})


async def definition_body(request: Request, settings: Settings) -> JsonObject:
    """Return the object in a body, parsed by its declared media type.

    Raises:
        BadRequest: The body contains no object; the message names the line.
        UnsupportedMediaType: It is neither JSON nor YAML.
    """
    kind = fields_of(request.scope).kind
    if kind not in _YAML_TYPES:
        return await json_body(request, settings)
    body = await read_body(request, settings.max_body_bytes, settings.body_timeout)
    read = partial(_read, body)
    is_long = len(body) >= LONG_BYTES or b"*" in body  # an alias may expand to much
    value = await offload(read) if is_long else read()
    if not isinstance(value, dict):
        raise BadRequest("the body must be an object")
    return value


def _read(body: bytes) -> Json:
    try:
        return yaml_definition(body.decode("utf-8"))[0]
    except UnicodeDecodeError as wrong:
        raise BadRequest(f"the body is not UTF-8 at byte {wrong.start}") from wrong
    except TextRefused as refused:
        raise BadRequest(f"the body {refused}") from refused
