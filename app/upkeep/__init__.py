"""Maintenance of a data folder: retention, backup, diagnosis."""
