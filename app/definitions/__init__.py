"""Stored workflows and agents of each tenant, in versions."""
