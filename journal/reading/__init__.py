"""Connections that only read, and who gets one when."""
