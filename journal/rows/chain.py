"""The hash chain that shows a history to be unchanged.

Each event's hash covers the hash before it and everything in its row. Each part is preceded by its
length, so that no two different rows give the same input.
"""

from hashlib import sha256


def first_link(run: int) -> bytes:
    """Return the hash to which the first event of run number `run` is chained."""
    return sha256(b"stepwell run %d" % run).digest()


def link(before: bytes, seq: int, kind: str, schema: int, at_ms: int, body: str) -> bytes:  # noqa: PLR0913 - a row
    """Return the hash of one event after the hash `before`."""
    head = f"{seq} {kind} {schema} {at_ms} ".encode()
    text = body.encode()
    framed = b"%b%d %d %b%b" % (before, len(head), len(text), head, text)
    return sha256(framed).digest()
