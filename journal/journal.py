"""The journal: one folder, one lock, one writer, a few readers."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from engine import Run
from engine.value import value
from journal.connection import Connection, DatabaseError
from journal.errors import Unavailable
from journal.histories.ended_runs import EndedRuns
from journal.histories.event_pages import EventPages
from journal.histories.events import Events
from journal.histories.head import Head
from journal.histories.recent_runs import RecentRuns
from journal.histories.removal import Removal
from journal.histories.start_keys import StartKeys
from journal.opening_errors import CannotOpen
from journal.parts import Parts
from journal.reading.near_reads import NearReads
from journal.reading.readers import Readers
from journal.rows.definition_rows import AGENTS, WORKFLOWS
from journal.runs.captions import Captions
from journal.runs.children import ChildList
from journal.runs.inbox import Inbox
from journal.runs.open_pauses import Asked
from journal.runs.overview import Overview
from journal.runs.run_errors import RunErrors
from journal.runs.run_inputs import RunInputs
from journal.runs.run_search import RunSearch
from journal.runs.runs import RunList
from journal.runs.selection import Selection
from journal.runs.statistics import Statistics
from journal.sqlite.backup import open_read_only
from journal.sqlite.database import DATABASE, open_reader, open_writer, prepare
from journal.sqlite.lock import FolderLock
from journal.sqlite.maintenance import Maintenance
from journal.sqlite.place import Place
from journal.tables.audit_list import AuditList
from journal.tables.clock_mark import ClockMarks
from journal.tables.credentials import JwtSecrets, Keys
from journal.tables.definitions import DefinitionTable
from journal.tables.deliveries import Outbox
from journal.tables.files import FileTable
from journal.tables.firings import FiringList
from journal.tables.key_mark import KeyMark
from journal.tables.knowledge import KnowledgeTable
from journal.tables.llm_models import ModelTable
from journal.tables.mcp_sign_ins import McpSignInTable
from journal.tables.passkeys import PasskeyTable
from journal.tables.people import PeopleTable
from journal.tables.places import PlaceList
from journal.tables.requests import RequestTable
from journal.tables.saved_views import SavedViews
from journal.tables.schedules import ScheduleTable
from journal.tables.secrets import SecretTable
from journal.tables.sessions import SessionTable
from journal.tables.signals import SignalTable
from journal.tables.spending import SpendingTable
from journal.tables.store import StoreTable
from journal.tables.threads import ThreadTable
from journal.tables.triggers import TriggerTable
from journal.tables.variables import VariableTable
from journal.tables.wakes import WakeTable
from journal.tables.webhooks import WebhookTable
from journal.writing.transaction import Task
from journal.writing.writer import LoopTurns, Writer

if TYPE_CHECKING:
    from journal.postgres.address import Address
    from journal.postgres.moving import PostgresEnd

_READERS = 2
_LIST_READERS = 2
SQLITE_VERSION = sqlite3.sqlite_version


def _nothing(_connection: Connection) -> None:
    """Change nothing: upkeep follows every write."""


@value(frozen=True, slots=True)
class Database:
    """A PostgreSQL database that holds the journal; a folder holds what belongs to one process.

    Attributes:
        url: As libpq takes it; it may hold a password.
        schema: The schema in it that holds the journal.
        readers: How many connections read, two of them for lists.
        statement_timeout_s: How long one statement may take.
    """

    url: str = field(repr=False)
    schema: str = "stepwell"
    readers: int = 6
    statement_timeout_s: float = 30


class Journal:
    """Everything that Stepwell stores, and the connections to it."""

    def __init__(self, lock: FolderLock, file: Path, parts: Parts) -> None:
        writer, readers, lists = parts.writer, parts.readers, parts.lists
        self._writer = writer
        self._readers, self._lists, lists.last = readers, lists, readers.last
        readers.last.noticed = self._look_at_writing
        self.lock, self.file = lock, file
        self.counters = writer.counters
        self.upkeep = parts.upkeep
        self.look = parts.look
        self.health = writer.health
        ended = EndedRuns[tuple[Head, Run]]()
        self.events = Events(writer, readers, ended)
        self.recent = RecentRuns(self.events, readers)
        self.pages = EventPages(readers, lists, self.events.with_inherited)
        self.start_keys = StartKeys(writer, readers)
        self.runs = RunList(readers, lists)
        self.search = RunSearch(lists, self.runs)
        self.captions, self.run_inputs = Captions(readers), RunInputs(writer, readers)
        self.run_errors, self.overview = RunErrors(readers), Overview(lists)
        self.inbox, self.asked = Inbox(lists), Asked(readers)
        self.statistics = Statistics(parts.sizes, lists)
        self.removal = Removal(writer, readers, ended)
        self.selection = Selection(lists, self.search)
        self.children = ChildList(readers, lists)
        self.workflows = DefinitionTable(WORKFLOWS, writer, readers, lists)
        self.agents = DefinitionTable(AGENTS, writer, readers, lists)
        self.keys = Keys(writer, readers)
        self.jwt_secrets = JwtSecrets(writer, readers)
        self.files = FileTable(writer, readers)
        self.secrets, self.store = SecretTable(writer, readers), StoreTable(writer, readers)
        self.knowledge = KnowledgeTable(writer, readers, lists)
        self.variables = VariableTable(writer, readers)
        self.saved_views = SavedViews(writer, readers)
        self.models = ModelTable(writer, readers)
        self.mcp_sign_ins = McpSignInTable(writer, readers)
        self.spending = SpendingTable(writer, readers)
        self.threads = ThreadTable(writer, readers)
        self.webhooks, self.outbox = WebhookTable(writer, readers), Outbox(writer, readers)
        self.schedules = ScheduleTable(writer, readers)
        self.firings = FiringList(readers)
        self.triggers = TriggerTable(writer, readers)
        self.requests = RequestTable(readers, self.firings)
        self.signals = SignalTable(writer, readers)
        self.places = PlaceList(readers, lists)
        self.people = PeopleTable(writer, readers)
        self.passkeys = PasskeyTable(writer, readers)
        self.sessions = SessionTable(writer, readers)
        self.audit = AuditList(lists)
        self.wakes = WakeTable(writer, readers)
        self.shared = parts.shared
        self.key_mark = KeyMark(writer)

    @property
    def clock_marks(self) -> ClockMarks:
        """What earlier processes have seen of the clock."""
        return ClockMarks(self._writer, self._readers)

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        synchronous: str = "FULL",
        tenant: Callable[[], str] = lambda: "",
        database: Database | None = None,
    ) -> Self:
        """Take the folder, bring its database up to date, and open it.

        Reads that have to wait take turns by tenant; `tenant` returns the tenant of the current
        task. With a PostgreSQL `database` the journal is there, and the folder holds only what
        belongs to this process.

        Raises:
            Locked: Another process uses the folder.
            Damaged: The database is not usable; it has been left as it is.
            WalMissing: The newest part of it is missing; it has been left as it is.
            CannotOpen: The disk or another program prevents opening it.
            BadDatabase: The database cannot hold a journal.
            Unavailable: It cannot be reached.
            FolderUnusable: The folder cannot be used.
            ImportError: The PostgreSQL driver is not installed.
        """
        lock = FolderLock(folder)
        async with AsyncExitStack() as undo:
            undo.callback(lock.release)
            if database is not None:
                parts = await _in_postgres(database, folder, synchronous, tenant)
            else:
                parts = await _in_folder(folder, lock, synchronous, tenant)
            undo.pop_all()
        journal = cls(lock, folder / DATABASE, parts)
        try:
            await journal.events.open_pauses.load(parts.readers)
        except Unavailable as failure:
            await journal.close()
            if database is None and isinstance(failure.__cause__, DatabaseError):
                raise CannotOpen(folder / DATABASE, failure.__cause__) from failure
            raise
        return journal

    def share(self) -> None:
        """Prepare for writes by other processes."""
        self.events.share()
        self.captions.share()

    def take_turns(self, turns: LoopTurns) -> None:
        """Write when nobody computes on the event loop, while several tenants do."""
        self._writer.turns = turns

    async def try_to_write(self) -> None:
        """Check that a write made now becomes durable. Raises `Unavailable`."""
        await self._writer.write(_nothing)

    def _look_at_writing(self) -> None:
        """Write nothing, so that it is known at once if what prevents reads prevents writes too."""
        self._writer.submit(Task(_nothing, lambda _: None, ""))

    async def tidy(self) -> bool:
        """Make the writer checkpoint and give back free pages, as far as that is due.

        Returns True if there is more to do.
        """
        if await self.upkeep.is_due(self._readers):
            await self._writer.write(_nothing)
        return await self.upkeep.is_due(self._readers)

    @property
    def read_trouble(self) -> str | None:
        """Why the last read got no answer from the database; None if it got one."""
        return self._readers.last.trouble

    async def close(self) -> None:
        """Write what has gathered, close the database, and release the folder.

        The writer is closed last: the last connection to be closed makes a checkpoint.
        """
        await self._readers.close()
        await self._lists.close()
        await self._writer.drain()
        await self.upkeep.leave(self._writer.close, is_over=self.health.is_over)
        self.lock.release()


async def _in_folder(
    folder: Path, lock: FolderLock, synchronous: str, tenant: Callable[[], str]
) -> Parts:
    """Open the one SQLite file."""
    async with AsyncExitStack() as undo:
        file = prepare(folder, lock)
        upkeep = Maintenance(file)
        try:
            writing = await open_writer(file, synchronous)
            undo.push_async_callback(upkeep.checkpoints.leave, writing.close)
            await upkeep.checkpoints.make(writing)
            reading = []
            for _ in range(_READERS + _LIST_READERS):
                reading.append(await open_reader(file))
                undo.push_async_callback(reading[-1].close)
            near = NearReads(file)
            upkeep.place = place = Place(file, upkeep.checkpoints.made_it)
            upkeep.checkpoints.on_written = place.wrote
        except sqlite3.Error as refused:
            raise CannotOpen(file, refused) from refused
        undo.pop_all()

    async def sizes() -> tuple[int, int]:
        return _size(file), _size(file.with_name(f"{file.name}-wal"))

    return Parts(
        writer=Writer(writing, upkeep.after_batch, place, tenant),
        readers=Readers(file, reading[:_READERS], tenant, near=near),
        lists=Readers(file, reading[_READERS:], tenant, at_once=1, most_of_one=1),
        upkeep=upkeep,
        sizes=sizes,
        look=lambda: closing(open_read_only(file)),
    )


@contextmanager
def looking_at(database: Database) -> Iterator[Connection]:
    """Yield a connection that cannot write, even while a server uses the database.

    Raises:
        BadDatabase: The address cannot be read.
        DatabaseError: It cannot be reached.
        ImportError: The PostgreSQL driver is not installed.
    """
    from journal.postgres.connection import for_an_operator  # noqa: PLC0415 - optional

    with closing(for_an_operator(_address(database), writes=False)) as connection:
        yield connection


def _address(database: Database, synchronous: str = "FULL") -> "Address":
    from journal.postgres.address import Address  # noqa: PLC0415 - optional

    return Address.read(
        database.url, schema=database.schema,
        statement_timeout_ms=round(database.statement_timeout_s * 1_000),
        relaxed=synchronous not in ("FULL", "EXTRA"),
    )  # fmt: skip


def end_of(database: Database) -> "PostgresEnd":
    """Open a PostgreSQL database as one end of a move.

    Raises:
        JournalError: It cannot be used; says why.
        DatabaseError: The server fails.
        ImportError: The PostgreSQL driver is not installed.
    """
    from journal.postgres.moving import PostgresEnd  # noqa: PLC0415 - optional

    return PostgresEnd(_address(database))


async def _in_postgres(
    database: Database, folder: Path, synchronous: str, tenant: Callable[[], str]
) -> Parts:
    """Connect to PostgreSQL; its driver is imported only here, when it is used."""
    from journal.postgres.opening import opened  # noqa: PLC0415 - optional

    address = _address(database, synchronous)
    return await opened(address, folder, tenant, database.readers)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
