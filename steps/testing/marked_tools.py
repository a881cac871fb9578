"""Calls functions marked with `@tool` as the server does, for tests."""

from collections.abc import Callable
from typing import Any

from engine import Json, JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext, ToolInfo
from steps.testing.not_provided import NotProvided
from steps.tools.tools import Tools


async def call_marked(
    function: Callable[..., Any], arguments: JsonObject, context: ToolContext
) -> Json:
    """Call a function marked with `@tool` as the server does. Raises `StepBroke`."""
    try:
        return await Tools([function]).call(info_of(function).id, arguments, context)
    except StepBroke as broken:
        if isinstance(broken.__cause__, NotProvided):  # not a failure of the tool
            raise broken.__cause__ from None
        raise


def info_of(function: Any) -> ToolInfo:
    """Return the description of a function marked with `@tool`."""
    return Tools([function]).describe()[0]
