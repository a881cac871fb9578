"""A chat model that answers the prompts of the examples, in OpenAI's wire format."""

import json
import threading
from typing import Any

from stand_ins.answers import Answer, answer_to
from stand_ins.served import HttpListener, JsonHandler, Served


class ModelServer(Served):
    """Answers `POST /v1/chat/completions`.

    Attributes:
        asked: The number of requests.
    """

    def __init__(self, key: str, port: int = 0) -> None:
        self.asked = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(JsonHandler):
            def do_POST(self) -> None:  # noqa: N802 - the library's name
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if self.headers.get("authorization") != f"Bearer {key}":
                    self.answer(401, {"error": {"message": "no such key"}})
                    return
                outer.count()
                said = answer_to(body)
                if said is None:
                    told = (
                        "this stand-in answers the questions of the examples only; name a real "
                        "model for others (examples/README.md says how)"
                    )
                    self.answer(400, {"error": {"message": told}})
                else:
                    self.answer(200, _completion(body, said))

        super().__init__(HttpListener(("127.0.0.1", port), Handler))
        self.address = f"http://127.0.0.1:{self.port}/v1"

    def count(self) -> None:
        """Count one request."""
        with self._lock:
            self.asked += 1


def _completion(body: dict[str, Any], said: Answer) -> dict[str, Any]:
    calls = [
        {
            "id": f"call_{len(body['messages'])}_{number}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for number, (name, arguments) in enumerate(said.calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": said.text or None}
    if calls:
        message["tool_calls"] = calls
    asked = len(json.dumps(body["messages"])) // 4
    answered = len(json.dumps(message)) // 4
    usage = {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "tool_calls" if calls else "stop",
    }
    return {
        "id": "stand-in",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [choice],
        "usage": usage,
    }
