"""Hides an installed package that servers do not need: importing it slows down their start."""

raise ImportError("a server does without it")
