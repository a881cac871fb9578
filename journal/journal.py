"""The journal: one folder, one lock, one writer, a few readers."""

from pathlib import Path
from typing import Self

from journal.children import ChildList
from journal.credentials import JwtSecrets, Keys
from journal.database import open_reader, open_writer, prepare
from journal.definition_rows import AGENTS, WORKFLOWS
from journal.definitions import DefinitionTable
from journal.deliveries import Outbox
from journal.event_pages import EventPages
from journal.events import Events
from journal.figures import Figures
from journal.files import FileTable
from journal.inbox import Inbox
from journal.lock import FolderLock
from journal.models import ModelTable
from journal.readers import Readers
from journal.runs import RunList
from journal.secrets import SecretTable
from journal.webhooks import WebhookTable
from journal.writer import Writer

_READERS = 2


class Journal:
    """Everything that Stepwell remembers."""

    def __init__(self, lock: FolderLock, writer: Writer, readers: Readers, file: Path) -> None:
        self._writer = writer
        self._readers = readers
        self.lock = lock
        self.events = Events(writer, readers)
        self.pages = EventPages(readers)
        self.runs = RunList(readers)
        self.inbox = Inbox(readers)
        self.figures = Figures(file, readers)
        self.children = ChildList(readers)
        self.workflows = DefinitionTable(WORKFLOWS, writer, readers)
        self.agents = DefinitionTable(AGENTS, writer, readers)
        self.keys = Keys(writer, readers)
        self.jwt_secrets = JwtSecrets(writer, readers)
        self.files = FileTable(writer, readers)
        self.secrets = SecretTable(writer, readers)
        self.models = ModelTable(writer, readers)
        self.webhooks = WebhookTable(writer, readers)
        self.outbox = Outbox(writer, readers)

    @classmethod
    async def open(cls, folder: Path, *, synchronous: str = "FULL") -> Self:
        """Take the folder, bring its database up to date, and open it.

        Raises:
            Locked: Another process uses the folder.
            Damaged: The database is not usable; it has been left as it is.
        """
        lock = FolderLock(folder)
        try:
            file = prepare(folder)
            writer = Writer(await open_writer(file, synchronous))
            readers = Readers([await open_reader(file) for _ in range(_READERS)])
        except BaseException:
            lock.release()
            raise
        return cls(lock, writer, readers, file)

    async def close(self) -> None:
        """Write what has gathered, close the database, give the folder free."""
        await self._readers.close()
        await self._writer.close()
        self.lock.release()
