"""Runs in lists: found, filtered, ordered and counted without reading their histories."""
