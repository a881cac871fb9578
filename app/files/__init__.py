"""Uploaded files and where their bytes are kept."""
