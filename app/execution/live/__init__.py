"""Runs that are in memory: one copy of each, its lock, its appends, and who waits for it."""
