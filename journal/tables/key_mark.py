"""The mark of the sealing key: all processes that share a journal must have the same key."""

from collections.abc import Collection

from journal.connection import Connection
from journal.rows.columns import KEEP_ENTRY
from journal.writing.writer import Writer

_KEY = "sealing_key"


class KeyMark:
    """The mark of the key that seals."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def agree(self, mark: bytes, older: Collection[bytes]) -> bytes:
        """Return the mark that is valid: the stored one, or `mark` if none is stored.

        A stored mark of an `older` key is replaced by `mark`. Durable when this returns.
        """
        known = {one.hex() for one in older}

        def work(connection: Connection) -> str:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (_KEY,)).fetchone()
            if row is not None and row[0] != mark.hex() and row[0] not in known:
                return str(row[0])
            connection.execute(
                KEEP_ENTRY,
                (_KEY, mark.hex()),
            )
            return mark.hex()

        return bytes.fromhex(await self._writer.write(work))
