"""Tools of MCP servers that the settings name.

`servers` keeps one connection a server and is all that others need; `connection` alone
knows the MCP library, and is imported when the first server is.
"""
