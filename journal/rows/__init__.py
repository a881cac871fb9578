"""Rows of the journal: how events and runs are encoded and hashed."""
