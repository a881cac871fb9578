"""Tools accept exactly the arguments that their functions declare."""

import asyncio
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from app.clock import SystemClock
from app.settings.server import Settings
from app.tools.built_in import built_in_tools
from app.tools.transform import transform
from engine import Json, JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.stored_file import StoredFile
from steps.testing import call_tool
from steps.tools.tools import ToolLoadError, Tools, tool


async def _no_file(_: str) -> StoredFile:
    raise AssertionError


CONTEXT = ToolContext("run-1", "a", 1, "key", _no_file)


@tool
async def keep(first: int, context: ToolContext, **rest: Json) -> list[Any]:
    return [first, context.run_id, rest]


@tool
async def named(sender: Annotated[str, Field(alias="from")], body: JsonObject) -> str:
    return f"{sender} {sorted(body)}"


async def call(function: Any, /, **arguments: Any) -> Any:
    return await call_tool(function, arguments)


async def test_transform_returns_its_input() -> None:
    shape = {"id": 1, "lines": [{"a": None}], "self": True, "model_dump": "x", "function": 0.5}
    assert await call(transform, **shape) == shape
    assert await call(transform) == {}


async def test_extra_fields_are_passed_beside_the_declared_ones() -> None:
    assert await call(keep, first=1, second={"a": [2]}) == [1, "run-1", {"second": {"a": [2]}}]
    for wrong in ({"first": "1"}, {"second": 1}, {"first": 1, "context": {"run_id": "other"}}):
        with pytest.raises(StepBroke) as raised:
            await call(keep, **wrong)
        assert raised.value.error.type == "InvalidToolInput"


async def test_a_field_may_have_a_key_that_python_cannot_name() -> None:
    assert await call(named, **{"from": "ada", "body": {"b": 1, "a": [None]}}) == "ada ['a', 'b']"
    with pytest.raises(StepBroke, match="did you mean from"):
        await call(named, form="ada", body={})
    with pytest.raises(StepBroke):
        await call(named, **{"from": "ada", "body": {}, "sender": "eve"})


def test_tools_are_listed_with_their_schemas() -> None:
    listed = {item.id: item for item in Tools(built_in_tools(Settings(), SystemClock())).describe()}
    assert list(listed) == [
        "extract-document", "knowledge", "knowledge-search", "make-file", "send-email", "store",
        "transform", "zip",
    ]  # fmt: skip
    assert all(item.description for item in listed.values())
    assert listed["transform"].input_schema["additionalProperties"] is True
    schema: Any = listed["send-email"].input_schema
    assert (schema["required"], schema["additionalProperties"]) == (["to", "subject"], False)
    assert {"from", "replyTo", "attachments"} < set(schema["properties"])
    assert "context" not in schema["properties"]


async def test_calls_that_one_tenant_left_behind_do_not_block_the_tool_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steps.tools.threads._MOST_LEFT", 10)
    free = threading.Event()

    @tool
    def fetches(fast: bool) -> str:
        return "fetched" if fast or free.wait() else ""

    tools = Tools([fetches])
    slow, quick = replace(CONTEXT, tenant="slow"), replace(CONTEXT, tenant="quick")
    for _ in range(8):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await tools.call("fetches", {"fast": False}, slow)
    with pytest.raises(StepBroke, match="8 calls of tool fetches were given up"):
        await tools.call("fetches", {"fast": True}, slow)
    assert await tools.call("fetches", {"fast": True}, quick) == "fetched"
    free.set()


async def test_calls_that_never_return_block_only_their_own_tool(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("steps.tools.threads._MOST_LEFT", 3)
    free = threading.Event()

    @tool
    def hangs() -> str:
        free.wait()
        return "back"

    @tool
    def works() -> str:
        return "worked"

    tools = Tools([hangs, works], threads=1)
    for count in range(3):
        assert tools.left_running("hangs") == count
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await tools.call("hangs", {}, CONTEXT)
    with pytest.raises(StepBroke, match="3 calls of tool hangs were given up"):
        await tools.call("hangs", {}, CONTEXT)
    assert await tools.call("works", {}, CONTEXT) == "worked"
    free.set()
    for thread in threading.enumerate():
        if thread.name == "tool hangs":
            thread.join()
    assert tools.left_running("hangs") == 0
    assert await tools.call("hangs", {}, CONTEXT) == "back"


@pytest.mark.parametrize(
    "leaving", [SystemExit(3), KeyboardInterrupt(), StopIteration(), BaseException()]
)
async def test_a_tool_that_ends_the_program_fails(leaving: BaseException) -> None:
    @tool
    def blocking() -> None:
        raise leaving

    @tool
    async def awaited() -> None:
        raise leaving

    for tool_id in ("blocking", "awaited"):
        with pytest.raises(StepBroke, match=type(leaving).__name__) as broke:
            await Tools([blocking, awaited]).call(tool_id, {}, CONTEXT)
        assert broke.value.error.type == "ToolFailed"


def test_a_plug_in_that_ends_the_program_is_named(tmp_path: Path) -> None:
    plugin = tmp_path / "leaves.py"
    plugin.write_text("raise SystemExit(0)")
    with pytest.raises(ToolLoadError, match=r"leaves.py: SystemExit"):
        Tools.load([plugin])


@pytest.mark.parametrize("parameters", ["*rest", "first, /", "**rest, *more"])
def test_arguments_without_names_are_refused(tmp_path: Path, parameters: str) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(f"from steps import tool\n@tool\ndef odd({parameters}): ...")
    with pytest.raises(ToolLoadError):
        Tools.load([plugin])


def test_a_plug_in_cannot_take_the_id_of_a_built_in_tool(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text("from steps import tool\n@tool(id='transform')\ndef mine(): ...")
    with pytest.raises(ToolLoadError, match=r"'transform' \(app.tools.transform and .*mine\)"):
        Tools.load([plugin], [transform])


def test_a_plug_in_may_import_a_built_in_tool(tmp_path: Path) -> None:
    plugin = tmp_path / "uses.py"
    plugin.write_text("from app.tools.transform import transform")
    assert [item.id for item in Tools.load([plugin], [transform]).describe()] == ["transform"]
    assert any(name.endswith("_uses") for name in sys.modules)


async def test_a_number_without_a_fraction_is_a_whole_number() -> None:
    @tool
    def counted(first: int, parts: dict[str, list[int | str]]) -> str:
        return f"{first} {parts}"

    called = {"first": 2.0, "parts": {"a": [1.0, "x", 3]}}
    assert await call_tool(counted, called) == "2 {'a': [1, 'x', 3]}"
    assert called == {"first": 2.0, "parts": {"a": [1.0, "x", 3]}}
    with pytest.raises(StepBroke, match=r"inputs\.first must be a whole number"):
        await call_tool(counted, {"first": 2.5, "parts": {}})
