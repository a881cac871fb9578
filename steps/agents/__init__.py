"""Agents: turns of a model and its tool calls, with limits, guards, questions and hand-offs."""
