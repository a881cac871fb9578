"""The effects of a step on the outside world, and the values that they exchange."""

from steps.effects.effects import Effects, ToolContext, ToolInfo

__all__ = ["Effects", "ToolContext", "ToolInfo"]
