"""Workflows and agents as tenants keep them, in versions."""
