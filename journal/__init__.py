"""The journal remembers: when `append` returns, the events are on disk.

One SQLite file in WAL mode with `synchronous=FULL`. Exactly one connection writes and
checkpoints (SQLite before 3.51.3 can lose commits when two do); readers cannot write and
never hold it up. Every read is bound to a tenant by its caller.
"""

from journal.backup import copy_database, open_read_only, sync
from journal.children import ChildList, ChildRow, Family
from journal.credentials import JwtSecrets, KeyRow, Keys, SecretRow
from journal.database import DATABASE, MARKER, WAL_LIMIT_BYTES, mark, migrations
from journal.definition_rows import DefinitionFilter, NewVersion, VersionRow
from journal.definitions import DefinitionTable
from journal.errors import (
    Archived,
    ChildOf,
    Conflict,
    Corrupt,
    Damaged,
    DefinitionExists,
    DuplicateStart,
    JournalError,
    Locked,
    NotArchived,
    NotEnded,
    NotFound,
    OpenRuns,
    Unavailable,
    UnknownAgent,
    UnknownCredential,
    UnknownFile,
    UnknownModel,
    UnknownRun,
    UnknownSecret,
    UnknownVersion,
    UnknownWorkflow,
)
from journal.events import Events, Head, IdempotencyKey
from journal.files import FileRow, FileTable
from journal.journal import Journal
from journal.lock import FolderLock, holder
from journal.models import ModelRow, ModelTable
from journal.removal import Deleted, Group
from journal.run_ids import run_id, run_number
from journal.runs import RunFilter, RunList, RunRow
from journal.secrets import SealedRow, SecretTable
from journal.verification import Fault, Verified, verify

__all__ = [
    "DATABASE",
    "MARKER",
    "WAL_LIMIT_BYTES",
    "Archived",
    "ChildList",
    "ChildOf",
    "ChildRow",
    "Conflict",
    "Corrupt",
    "Damaged",
    "DefinitionExists",
    "DefinitionFilter",
    "DefinitionTable",
    "Deleted",
    "DuplicateStart",
    "Events",
    "Family",
    "Fault",
    "FileRow",
    "FileTable",
    "FolderLock",
    "Group",
    "Head",
    "IdempotencyKey",
    "Journal",
    "JournalError",
    "JwtSecrets",
    "KeyRow",
    "Keys",
    "Locked",
    "ModelRow",
    "ModelTable",
    "NewVersion",
    "NotArchived",
    "NotEnded",
    "NotFound",
    "OpenRuns",
    "RunFilter",
    "RunList",
    "RunRow",
    "SealedRow",
    "SecretRow",
    "SecretTable",
    "Unavailable",
    "UnknownAgent",
    "UnknownCredential",
    "UnknownFile",
    "UnknownModel",
    "UnknownRun",
    "UnknownSecret",
    "UnknownVersion",
    "UnknownWorkflow",
    "Verified",
    "VersionRow",
    "copy_database",
    "holder",
    "mark",
    "migrations",
    "open_read_only",
    "run_id",
    "run_number",
    "sync",
    "verify",
]
