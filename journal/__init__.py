"""The journal remembers: when `append` returns, the events are on disk.

One SQLite file in WAL mode with `synchronous=FULL`. Exactly one connection writes and
checkpoints (SQLite before 3.51.3 can lose commits when two do); readers cannot write and
never hold it up. Every read is bound to a tenant by its caller.
"""

from journal.children import ChildList, ChildRow, Family
from journal.credentials import JwtSecrets, KeyRow, Keys, SecretRow
from journal.definition_rows import DefinitionFilter, NewVersion, VersionRow
from journal.definitions import DefinitionTable
from journal.errors import (
    Archived,
    Conflict,
    Corrupt,
    Damaged,
    DefinitionExists,
    DuplicateStart,
    JournalError,
    Locked,
    NotArchived,
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
from journal.figures import Histogram, WriterFigures
from journal.files import FileRow, FileTable
from journal.journal import Journal
from journal.lock import FolderLock, holder
from journal.models import ModelRow, ModelTable
from journal.run_ids import run_number
from journal.runs import RunFilter, RunList, RunRow
from journal.secrets import SealedRow, SecretTable

__all__ = [
    "Archived",
    "ChildList",
    "ChildRow",
    "Conflict",
    "Corrupt",
    "Damaged",
    "DefinitionExists",
    "DefinitionFilter",
    "DefinitionTable",
    "DuplicateStart",
    "Events",
    "Family",
    "FileRow",
    "FileTable",
    "FolderLock",
    "Head",
    "Histogram",
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
    "VersionRow",
    "WriterFigures",
    "holder",
    "run_number",
]
