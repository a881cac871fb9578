"""Histories of runs: appended, read, kept folded in memory, and removed."""
