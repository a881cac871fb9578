"""The envelope of an MCP client's message, as JSON-RPC 2.0 and MCP define it.

The MCP library takes a request whose id it cannot read for a notification, which nobody answers.
"""

from typing import Any

from starlette.responses import Response

from app.web.json_answer import JsonAnswer
from engine import Json

_BROKEN_TEXT, _NO_MESSAGE = -32_700, -32_600


def fault_of(message: Any) -> str | None:
    """Return what is wrong with a message that is JSON; None if nothing is."""
    if isinstance(message, list):
        return "send one message at a time: MCP has no batches"
    if not isinstance(message, dict):
        return "a message is an object"
    if message.get("jsonrpc") != "2.0":
        return 'jsonrpc must be "2.0"'
    if "id" in message and not (_is_id(message["id"]) or _is_answer_to_nobody(message)):
        return "id must be a text or an integer"
    if "method" not in message:
        return _fault_of_answer(message)
    if not isinstance(message["method"], str):
        return "method must be a text"
    if not isinstance(message.get("params"), dict | None):
        return "params must be an object"
    return None


def broken(message: str) -> Response:
    """Return the answer to a body that is not acceptable JSON."""
    return _refused(None, _BROKEN_TEXT, message)


def refused(message: Any, fault: str) -> Response:
    """Return the answer to a message that is not one; its id comes back if it can be told."""
    found = message.get("id") if isinstance(message, dict) else None
    return _refused(found if _is_id(found) else None, _NO_MESSAGE, fault)


def _refused(message_id: str | int | None, code: int, message: str) -> Response:
    error: Json = {"code": code, "message": message}
    return JsonAnswer({"jsonrpc": "2.0", "id": message_id, "error": error}, 400)


def _is_id(found: Any) -> bool:
    return isinstance(found, str | int) and not isinstance(found, bool)


def _is_answer_to_nobody(message: dict[str, Any]) -> bool:
    """Return whether it is an error whose cause had no id that could be told."""
    return message["id"] is None and "error" in message and "method" not in message


def _fault_of_answer(message: dict[str, Any]) -> str | None:
    parts = [message[name] for name in ("result", "error") if name in message]
    if "id" not in message or len(parts) != 1:
        return "a message has a method, or an id with either a result or an error"
    return None if isinstance(parts[0], dict) else "result and error are objects"
