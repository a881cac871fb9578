"""Rows of the journal as text and columns: how events and runs are encoded and hashed."""
