"""What programs that use a Stepwell server import: `stepwell.client`.

It knows the server by its HTTP API only, and imports nothing of it.
"""
