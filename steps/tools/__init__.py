"""Tools: Python functions that steps and agents call, their arguments and results."""

from steps.tools.tools import GROUP, Tool, ToolLoadError, Tools, is_tool, tool

__all__ = ["GROUP", "Tool", "ToolLoadError", "Tools", "is_tool", "tool"]
