"""Read-only connections, and the order in which callers get them."""
