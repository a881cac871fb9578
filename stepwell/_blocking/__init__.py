# Made by `make blocking-client` from stepwell/_asynchronous/__init__.py: change that file.
"""The client for threads."""
