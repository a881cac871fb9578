"""The check of a definition that is to be saved, and its JSON Schema."""
