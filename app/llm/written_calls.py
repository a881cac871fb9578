"""Finds tool calls that a model has written into its text, in its template's format.

Servers that know a model's template turn these into calls; other servers pass them on as text. An
answer counts as calls only if it consists of nothing else and names only tools that were offered:
text that a model quotes must not call anything.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from steps.effects.chat import ToolSpec
from steps.models.json_objects import objects_in

_LONGEST = 100_000
_NAMES = ("name", "tool", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_BESIDE = frozenset({"id", "type", *_NAMES, *_ARGUMENTS})
_MARKED = re.compile(r"<(tool_call|function_call)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_OF_MISTRAL = re.compile(r"\[TOOL_CALLS\]\s*(?:([\w.-]{1,100})\s*(?:\[ARGS\]\s*)?)?(?=[\[{])")
_OF_LLAMA = "<|python_tag|>"
_FUNCTION = re.compile(r"<function=([\w.-]{1,100})>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^<>\n]{1,200})>\n?(.*?)\n?</parameter>", re.DOTALL)
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_FENCE = re.compile(r"```[a-z]*\s*(.*?)\s*```", re.DOTALL)

Written = tuple[str, str]
"""The name of a tool, and its arguments as text."""


def written_calls(text: str, tools: Sequence[ToolSpec]) -> list[Written]:
    """Return the calls that an answer consists of, an empty list if it contains anything else."""
    text = text.strip()
    if not tools or not text or len(text) > _LONGEST:
        return []
    found = list(_calls_in(text, {tool.name: tool for tool in tools}))
    return [call for call in found if call is not None] if None not in found else []


def _calls_in(text: str, tools: dict[str, ToolSpec]) -> Iterator[Written | None]:
    """Yield each call; None for anything that is not one."""
    if text.startswith(("<tool_call>", "<function_call>")):
        if _MARKED.sub("", text).strip():
            yield None
        for marked in _MARKED.finditer(text):
            yield _marked(marked[2].strip(), tools)
    elif text.startswith("<function="):
        yield None if _FUNCTION.sub("", text).strip() else _function(text, tools)
    elif (mistral := _OF_MISTRAL.match(text)) is not None:
        rest = text[mistral.end() :]
        if mistral[1]:
            yield _named(mistral[1], rest, tools)
        else:
            yield from _listed(rest, tools)
    else:
        fenced = _FENCE.fullmatch(text)
        yield from _listed((fenced[1] if fenced else text).removeprefix(_OF_LLAMA), tools)


def _marked(inner: str, tools: dict[str, ToolSpec]) -> Written | None:
    if inner.startswith("<function="):
        return _function(inner, tools)
    if not inner.startswith("{"):
        name, _, pairs = inner.partition("<arg_key>")
        found = {key.strip(): value for key, value in _PAIR.findall(f"<arg_key>{pairs}")}
        return _typed(name.strip(), found if pairs else {}, tools)
    return next(iter(_listed(inner, tools)), None)


def _function(text: str, tools: dict[str, ToolSpec]) -> Written | None:
    found = _FUNCTION.match(text)
    if found is None:
        return None
    parameters = {key.strip(): value for key, value in _PARAMETER.findall(found[2])}
    inner = found[2].strip()
    if inner and not parameters:
        return _named(found[1], inner, tools)
    return _typed(found[1], parameters, tools)


def _typed(name: str, texts: dict[str, str], tools: dict[str, ToolSpec]) -> Written | None:
    """Return a call whose values came as strings, converted; strings in the schema stay strings."""
    if name not in tools:
        return None
    known = tools[name].schema.get("properties")
    specs = known if isinstance(known, dict) else {}
    values = {key: _value(text, specs.get(key)) for key, text in texts.items()}
    return name, json.dumps(values, ensure_ascii=False)


def _value(text: str, spec: object) -> Any:
    if isinstance(spec, dict) and spec.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _named(name: str, arguments: str, tools: dict[str, ToolSpec]) -> Written | None:
    return (name, arguments) if name in tools else None


def _listed(text: str, tools: dict[str, ToolSpec]) -> Iterator[Written | None]:
    """Yield the calls in a JSON object, or in a list of them."""
    text = text.strip()
    if not text.startswith(("{", "[")) or not text.endswith(("}", "]")):
        yield None
        return
    try:
        found = json.loads(text) if text.startswith("[") else objects_in(text)
    except (ValueError, RecursionError):
        yield None
        return
    for item in found if isinstance(found, list) else []:
        yield _of_object(item, tools)


def _of_object(item: Any, tools: dict[str, ToolSpec]) -> Written | None:
    if isinstance(item, dict) and set(item) <= {"function", "id", "type"}:
        item = item.get("function")
    if not isinstance(item, dict) or not set(item) <= _BESIDE:
        return None
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), "")
    given = next((item[key] for key in _ARGUMENTS if key in item), None)
    if name not in tools or not isinstance(given, dict | str):
        return None
    return name, given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
