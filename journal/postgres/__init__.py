"""The journal in PostgreSQL: the same tables, statements and histories, kept by a server.

`dialect.py` turns the statements of the other files of `journal` into PostgreSQL's; `schema.py`
brings its tables up to date; `address.py` says where the server is; `connection.py` is a connection
that statements run on, `threads.py` the threads in which that waits; `opening.py` opens all of it.
Nothing here knows what the statements are for.
"""
