"""The ten tasks and the model's answers in them, the same for every system.

An answer depends only on the task and on the number of answers so far in the conversation, so
that a repeated question gets the same answer.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LONG = "The quick brown fox jumps over the lazy dog. " * 100


@dataclass(frozen=True)
class Said:
    """One answer: a text, tool calls, or values for the requested fields."""

    text: str = ""
    calls: Sequence[tuple[str, Mapping[str, Any]]] = ()
    output: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: The name; the message to the agent begins with it.
        about: Description for the table.
        answers: The answers of the model by turn; the last one is repeated.
        wants_fields: Whether the agent delivers fields instead of a text.
        makes_short: Whether the conversation is shortened, where the system has a setting for it.
    """

    name: str
    about: str
    answers: Sequence[Said]
    wants_fields: bool = False
    makes_short: bool = False


def _looks(turns: int) -> list[Said]:
    return [Said(calls=[("look", {"n": n})]) for n in range(turns)]


DONE = Said("done")
TASKS = (
    Task("answer", "an answer", [DONE]),
    Task("one", "one call", [Said(calls=[("add", {"a": 1, "b": 2})]), DONE]),
    Task("four", "four calls, one after the other", [*_looks(4), DONE]),
    Task("beside", "four slow calls in one answer",
         [Said(calls=[("slow", {"n": n}) for n in range(4)]), DONE]),
    Task("fails", "a tool that fails, then another try",
         [Said(calls=[("fail", {"n": 1})]), Said(calls=[("add", {"a": 1, "b": 2})]), DONE]),
    Task("unknown", "a tool that is not there, then one that is",
         [Said(calls=[("nothing", {})]), Said(calls=[("add", {"a": 1, "b": 2})]), DONE]),
    Task("wrong", "arguments that do not fit, then some that do",
         [Said(calls=[("add", {"a": "one"})]), Said(calls=[("add", {"a": 1, "b": 2})]), DONE]),
    Task("fields", "fields that do not fit, then some that do",
         [Said(output={"total": "three"}), Said(output={"total": 3})], wants_fields=True),
    Task("long", "forty calls with 4,500 characters each", [*_looks(40), DONE]),
    Task("short", "the same, with old results left out", [*_looks(40), DONE], makes_short=True),
)  # fmt: skip
BY_NAME = {task.name: task for task in TASKS}


def said(body: Any) -> Said:
    """Return the model's answer to a question in OpenAI's format."""
    messages = body["messages"]
    first = next(one for one in messages if one["role"] == "user")["content"]
    text = first if isinstance(first, str) else first[0]["text"]
    task = BY_NAME[str(text).partition(":")[0]]
    had = sum(one["role"] == "assistant" for one in messages)
    found: Said = task.answers[min(had, len(task.answers) - 1)]
    return found


def message(body: Any, answer: Said) -> dict[str, Any]:
    """Return an answer in OpenAI's format, with fields in the way that the question requests."""
    calls = [*answer.calls]
    text = answer.text
    if answer.output is not None:
        names = [tool["function"]["name"] for tool in body.get("tools", ())]
        way = next((name for name in names if name not in TOOLS), None)
        if body.get("response_format") or way is None:
            text = json.dumps(answer.output)
        else:
            calls.append((way, answer.output))
    said_: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        said_["tool_calls"] = [
            {"id": f"call_{len(body['messages'])}_{n}", "type": "function",
             "function": {"name": name, "arguments": json.dumps(given)}}
            for n, (name, given) in enumerate(calls)
        ]  # fmt: skip
    return said_


TOOLS = ("add", "look", "slow", "fail")
