"""Declared fields: the keys of a field spec, and the check of values against it."""
