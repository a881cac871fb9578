"""Uploaded files, and the storage for their bytes."""
