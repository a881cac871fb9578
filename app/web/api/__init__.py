"""The HTTP API: one file a resource; parse, call, render."""
