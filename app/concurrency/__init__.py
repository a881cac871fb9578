"""Shares time and resources fairly between tenants, and runs long work beside the event loop."""
