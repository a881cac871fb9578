"""The same tools for Stepwell."""

from benchmarks.agents import tools
from steps import tool

add, look, slow, fail = (tool(function) for function in tools.ALL)
