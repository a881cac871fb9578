"""The heart of the server: how runs are started, carried on, answered and ended."""
