"""Secrets of tenants: sealed in the journal, open in memory, masked wherever text leaves."""
