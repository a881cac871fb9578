"""The journal remembers: when `append` returns, the events are on disk.

One SQLite file in WAL mode with `synchronous=FULL`. Exactly one connection writes and
checkpoints (SQLite before 3.51.3 can lose commits when two do); readers cannot write and
never hold it up. Every read is bound to a tenant by its caller.
"""

from journal.children import ChildList, ChildRow, Family
from journal.credentials import JwtSecrets, KeyRow, Keys, SecretRow
from journal.definition_rows import DefinitionFilter, NewVersion, VersionRow
from journal.definitions import DefinitionTable
from journal.deliveries import Attempt, DeliveryRow, Outbox
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
    TooManyWebhooks,
    Unavailable,
    UnknownAgent,
    UnknownCredential,
    UnknownEvent,
    UnknownFile,
    UnknownModel,
    UnknownRun,
    UnknownSecret,
    UnknownVersion,
    UnknownWebhook,
    UnknownWorkflow,
)
from journal.event_pages import EventFilter, EventPage, EventPages, EventRow
from journal.events import Events, Head, IdempotencyKey
from journal.figures import Figures
from journal.files import FileRow, FileTable
from journal.inbox import Inbox, WaitingRow
from journal.journal import Journal
from journal.lock import FolderLock, holder
from journal.models import ModelRow, ModelTable
from journal.run_ids import run_number
from journal.runs import RunFilter, RunList, RunRow
from journal.secrets import SealedRow, SecretTable
from journal.webhooks import WebhookRow, WebhookTable

__all__ = [
    "Archived",
    "Attempt",
    "ChildList",
    "ChildRow",
    "Conflict",
    "Corrupt",
    "Damaged",
    "DefinitionExists",
    "DefinitionFilter",
    "DefinitionTable",
    "DeliveryRow",
    "DuplicateStart",
    "EventFilter",
    "EventPage",
    "EventPages",
    "EventRow",
    "Events",
    "Family",
    "Figures",
    "FileRow",
    "FileTable",
    "FolderLock",
    "Head",
    "IdempotencyKey",
    "Inbox",
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
    "Outbox",
    "RunFilter",
    "RunList",
    "RunRow",
    "SealedRow",
    "SecretRow",
    "SecretTable",
    "TooManyWebhooks",
    "Unavailable",
    "UnknownAgent",
    "UnknownCredential",
    "UnknownEvent",
    "UnknownFile",
    "UnknownModel",
    "UnknownRun",
    "UnknownSecret",
    "UnknownVersion",
    "UnknownWebhook",
    "UnknownWorkflow",
    "VersionRow",
    "WaitingRow",
    "WebhookRow",
    "WebhookTable",
    "holder",
    "run_number",
]
