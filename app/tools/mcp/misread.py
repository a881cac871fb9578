"""Answers that the MCP library cannot read as messages, read all the same.

The library drops such a line, and the request that it answers waits until its time is over,
though the tool may have had its effect and the server may have said why it failed.
"""

import json
from typing import Any

from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, JSONRPCResponse
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


def _said(failure: ValidationError) -> Any:
    given: Any = failure.errors(include_url=False, include_context=False)[0]["input"]
    if not isinstance(given, str | bytes):
        return given
    try:
        # The library's parser gives up at fewer levels than Python's.
        return json.loads(given)
    except (ValueError, RecursionError):
        return None


def _error(told: Any) -> ErrorData:
    fields = told if isinstance(told, dict) else {}
    code, words = fields.get("code"), fields.get("message", told)
    if words is None:
        words = "the answer has neither a result nor an error"
    return ErrorData(
        code=code if isinstance(code, int) else INTERNAL_ERROR,
        message=words if isinstance(words, str) else json.dumps(words, ensure_ascii=False),
    )
