"""The heart of the server: how runs are taken on, carried on, answered and ended."""
