"""Runs as clients see them: status, history, lists, transcripts and explanations."""
