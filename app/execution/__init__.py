"""The heart of the server: how runs are started, driven, answered and ended."""
