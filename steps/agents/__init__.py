"""Agents: model turns and tool calls, with limits, guards, questions to people and hand-offs."""
