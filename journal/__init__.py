"""The journal remembers: when `append` returns, the events are on disk.

One SQLite file in WAL mode with `synchronous=FULL`. Exactly one connection writes and
checkpoints (SQLite before 3.51.3 can lose commits when two do); readers cannot write and
never hold it up. Every read is bound to a tenant by its caller.
"""

from journal.credentials import JwtSecrets, KeyRow, Keys, SecretRow
from journal.errors import (
    Archived,
    Conflict,
    Corrupt,
    Damaged,
    DuplicateStart,
    JournalError,
    Locked,
    NotArchived,
    NotFound,
    OpenRuns,
    Unavailable,
    UnknownCredential,
    UnknownFile,
    UnknownRun,
    UnknownVersion,
    UnknownWorkflow,
    WorkflowExists,
)
from journal.events import Events, Head, IdempotencyKey
from journal.files import FileRow, FileTable
from journal.journal import Journal
from journal.lock import FolderLock, holder
from journal.run_ids import run_number
from journal.runs import RunFilter, RunList, RunRow
from journal.workflows import NewVersion, VersionRow, WorkflowFilter, WorkflowTable

__all__ = [
    "Archived",
    "Conflict",
    "Corrupt",
    "Damaged",
    "DuplicateStart",
    "Events",
    "FileRow",
    "FileTable",
    "FolderLock",
    "Head",
    "IdempotencyKey",
    "Journal",
    "JournalError",
    "JwtSecrets",
    "KeyRow",
    "Keys",
    "Locked",
    "NewVersion",
    "NotArchived",
    "NotFound",
    "OpenRuns",
    "RunFilter",
    "RunList",
    "RunRow",
    "SecretRow",
    "Unavailable",
    "UnknownCredential",
    "UnknownFile",
    "UnknownRun",
    "UnknownVersion",
    "UnknownWorkflow",
    "VersionRow",
    "WorkflowExists",
    "WorkflowFilter",
    "WorkflowTable",
    "holder",
    "run_number",
]
