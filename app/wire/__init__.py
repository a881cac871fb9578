"""Formats exchanged with clients: bodies, forms and documents shared by API, console and CLI."""
