"""The check of a definition before it is saved, and its JSON Schema."""
