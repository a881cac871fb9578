"""An MCP server that answers as scripted: `python mcp_odd_server.py SCRIPT`.

SCRIPT is JSON: `pages` (lists of tools, one per page), `results` (by tool: the `result` or `error`
of a call), `cursors` (the next cursor of each page), `initialize` (added to that answer). The
tool `close` ends the process, `change` replaces the only page by its argument `tools`, and `long`
returns a text of `size` characters.
"""

import json
import sys
from typing import Any

SCRIPT: Any = json.loads(sys.argv[1])


def send(message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(method: str, params: Any) -> Any:
    if method == "initialize":
        reported = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "odd", "version": "1"}}  # fmt: skip
        return {"result": {**reported, **SCRIPT.get("initialize", {})}}
    if method == "tools/list":
        page = int(params.get("cursor") or 0)
        if SCRIPT["pages"][page] is None:
            return {"error": {"code": -32603, "message": "this page is torn"}}
        more: Any = {"nextCursor": str(page + 1)} if page + 1 < len(SCRIPT["pages"]) else {}
        if "cursors" in SCRIPT:
            more = {"nextCursor": SCRIPT["cursors"][page]}
        return {"result": {"tools": SCRIPT["pages"][page], **more}}
    if method == "tools/call":
        name = params["name"]
        if name == "close":
            sys.exit(0)
        if name == "change":
            SCRIPT["pages"] = [params["arguments"]["tools"]]
            send({"method": "notifications/tools/list_changed"})
        if name == "long":
            text = "x" * params["arguments"]["size"]
            return {"result": {"content": [{"type": "text", "text": text}]}}
        return SCRIPT["results"].get(name, {"result": {"content": []}})
    return {"error": {"code": -32601, "message": f"no {method}"}}


if __name__ == "__main__":
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        print("this line is no message")
        send({"method": "notifications/message", "params": {"level": "info", "data": "working"}})
        send({"method": "notifications/unheard", "params": {"odd": True}})
        number = str(message["id"]) if SCRIPT.get("textual") else message["id"]
        send({"id": number, **answer(message["method"], message.get("params") or {})})
