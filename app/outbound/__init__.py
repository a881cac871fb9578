"""Outgoing connections: which addresses they may reach, by which route, and what comes back."""
