"""How documents are read: one file a format, run in a process of its own.

A document is hostile input to libraries that were not written for it, so nothing here runs in
the server: `python -m app.tools.extraction` takes the bytes on its standard input, under
limits that it sets on itself, and writes one JSON object.
"""

COMMAND = "read-document"
"""What does the same as `python -m` where the program is one file and knows no modules."""
