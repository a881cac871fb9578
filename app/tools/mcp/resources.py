"""The resources of a server, as two tools beside its own: one lists them, one reads them."""

from typing import Any

from mcp_types import METHOD_NOT_FOUND

from app.tools.mcp.link import McpCall, McpTool
from app.tools.mcp.result import result_of
from engine import Json, JsonObject

_LIST, _READ = "list-resources", "read-resource"
_PAGES = 10
_MOST = 200
_SHOWN = ("uri", "uriTemplate", "name", "title", "description", "mimeType", "size")

RESOURCE_TOOLS = (
    McpTool(
        _LIST,
        "List what can be read with read-resource: resources by their uri, and templates of such.",
        {
            "type": "object",
            "properties": {
                "contains": {
                    "type": "string",
                    "maxLength": 200,
                    "description": "only those whose uri, name or description has this in it",
                }
            },
            "additionalProperties": False,
        },
    ),
    McpTool(
        _READ,
        "Read a resource that list-resources tells of: text, a picture, or another file.",
        {
            "type": "object",
            "properties": {"uri": {"type": "string", "minLength": 1, "maxLength": 2_000}},
            "required": ["uri"],
            "additionalProperties": False,
        },
    ),
)
"""Offered where the server declares resources and has no tools of these names itself."""


async def asked_of_resources(client: Any, tool_id: str, call: McpCall) -> Json:
    """Return what one of the two tools gives, asked through the library's client."""
    if call.tool == _LIST:
        return await _listed(client, str(call.arguments.get("contains") or "").lower())
    found = await client.read_resource(str(call.arguments["uri"]))
    parts = [
        item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in found.contents
    ]
    return result_of(tool_id, [_part(part) for part in parts], None, is_error=False)


def _plain(item: Any) -> JsonObject:
    document: JsonObject = item.model_dump(mode="json", by_alias=True, exclude_none=True)
    return document


def _part(contents: JsonObject) -> JsonObject:
    """Return the contents of a resource as a part of a result: a picture as such."""
    media_type = str(contents.get("mimeType") or "")
    if "blob" in contents and media_type.startswith(("image/", "audio/")):
        kind = media_type.partition("/")[0]
        return {"type": kind, "data": contents["blob"], "mimeType": media_type}
    return {"type": "resource", "resource": contents}


async def _listed(client: Any, contains: str) -> Json:
    resources, more = await _all(client, "resources", contains)
    try:
        templates, more_templates = await _all(client, "resource_templates", contains)
    except Exception as refused:
        if getattr(refused, "code", None) != METHOD_NOT_FOUND:
            raise
        templates, more_templates = [], False
    return {
        "resources": resources,
        "templates": templates,
        "more": more or more_templates,
    }


async def _all(client: Any, what: str, contains: str) -> tuple[list[Json], bool]:
    """Return those that are wanted, 200 at most, and whether there are more."""
    found: list[Json] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page: Any = await getattr(client, f"list_{what}")(cursor=cursor)
        for item in getattr(page, what):
            document = _plain(item)
            shown: JsonObject = {key: document[key] for key in _SHOWN if key in document}
            if contains in " ".join(map(str, shown.values())).lower():
                if len(found) == _MOST:
                    return found, True
                found.append(shown)
        cursor = page.next_cursor
        if not cursor:
            return found, False
    return found, True
