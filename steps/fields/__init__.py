"""Declared fields: what a field spec may say, and values checked against it."""
