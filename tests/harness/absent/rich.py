"""Stands before what the tests have and an installed server has not, and costs it a start."""

raise ImportError("a server does without it")
