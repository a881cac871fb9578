"""Runs as the rest of the server uses them: start, answer, stop, repair, run again, delete."""
