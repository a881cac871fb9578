"""Reads HTML forms as strictly as JSON bodies."""
