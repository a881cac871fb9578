"""Runs in memory: one copy of each, its lock, its appends, and the requests that wait for it."""
