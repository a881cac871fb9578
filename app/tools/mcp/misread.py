"""Answers that the MCP library cannot read as messages, read all the same.

The library drops such a line, and the request that it answers waits until its time is over,
though the tool may have had its effect and the server may have said why it failed.
"""

import json
from typing import Any

from mcp.shared.message import SessionMessage
from mcp_types import (
    INTERNAL_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError


def read_anyhow(failure: ValidationError) -> SessionMessage | None:
    """Return the answer that could not be read; None when the line was none."""
    said = _said(failure)
    if not isinstance(said, dict) or "method" in said:
        return None
    request_id = said.get("id")
    if not isinstance(request_id, int | str):
        return None
    if "result" not in said:
        return SessionMessage(
            JSONRPCError(jsonrpc="2.0", id=request_id, error=_error(said.get("error")))
        )
    result = said["result"]
    if not isinstance(result, dict):
        result = {"content": [] if result is None else [result]}
    return SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=request_id, result=result))


def readable(content: bytes) -> bytes:
    """Return a body of JSON that the library reads, where that can be made of it."""
    try:
        jsonrpc_message_adapter.validate_json(content, by_name=False)
    except ValidationError as failure:
        if found := read_anyhow(failure):
            return found.message.model_dump_json(by_alias=True, exclude_none=True).encode()
    return content


def _said(failure: ValidationError) -> Any:
    given: Any = failure.errors(include_url=False, include_context=False)[0]["input"]
    if not isinstance(given, str | bytes):
        return given
    try:
        # The library's parser gives up at fewer levels than Python's.
        return json.loads(given)
    except (ValueError, RecursionError):
        return None


def _error(error: Any) -> ErrorData:
    fields = error if isinstance(error, dict) else {}
    code, words = fields.get("code"), fields.get("message", error)
    if words is None:
        words = "the answer has neither a result nor an error"
    return ErrorData(
        code=code if isinstance(code, int) else INTERNAL_ERROR,
        message=words if isinstance(words, str) else json.dumps(words, ensure_ascii=False),
    )
