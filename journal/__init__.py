"""The journal remembers: when `append` returns, the events are on disk.

One SQLite file in WAL mode with `synchronous=FULL`. Exactly one connection writes and
checkpoints (SQLite before 3.51.3 can lose commits when two do); readers cannot write and
never hold it up. Every read is bound to a tenant by its caller.
"""

from journal.audit import AuditRow, ChangeNote, changing
from journal.audit_list import AuditFilter, AuditList, AuditPage
from journal.backup import copy_database, open_read_only
from journal.bell import CHANGE, PLACE, RUN, SHARDS_MOVED, WAKE, Bell
from journal.captions import CaptionRow, Captions
from journal.checkpoints import check_wal, has_wal, unmark
from journal.child_rows import ChildLine
from journal.children import ChildList, ChildRow, Family
from journal.connection import Connection, DatabaseError
from journal.counters import Histogram, WriterCounters
from journal.credentials import JwtSecretRow, JwtSecrets, KeyRow, Keys
from journal.database import DATABASE, MARKER, WAL_LIMIT_BYTES, begin_elsewhere, mark, migrations
from journal.definition_rows import DefinitionFilter, MarkedVersions, NewVersion, VersionRow
from journal.definitions import DefinitionTable
from journal.deliveries import Attempt, DeliveryRow, Outbox
from journal.durable_files import sync, write_whole
from journal.errors import (
    UNREADABLE,
    Archived,
    BadDatabase,
    CannotOpen,
    ChangedMeanwhile,
    ChildOf,
    Conflict,
    Corrupt,
    Damaged,
    DatabaseInUse,
    DefinitionExists,
    DuplicateStart,
    JournalError,
    KnowledgeFull,
    Locked,
    NameTaken,
    NotArchived,
    NotEnded,
    NotFound,
    OpenRuns,
    StoreFull,
    ThreadInUse,
    ThreadOfAnother,
    TooManySchedules,
    TooManySignals,
    TooManyTriggers,
    TooManyViews,
    TooManyWebhooks,
    Unavailable,
    UnknownAgent,
    UnknownCredential,
    UnknownDelivery,
    UnknownEvent,
    UnknownFile,
    UnknownFiring,
    UnknownModel,
    UnknownPasskey,
    UnknownPerson,
    UnknownRun,
    UnknownSchedule,
    UnknownSecret,
    UnknownSession,
    UnknownThread,
    UnknownTrigger,
    UnknownVariable,
    UnknownVersion,
    UnknownView,
    UnknownWebhook,
    UnknownWorkflow,
    WalMissing,
    how_to_open,
)
from journal.event_pages import EventFilter, EventPage, EventPages, EventRow
from journal.events import Events, Head
from journal.files import FileRow, FileTable
from journal.firings import Firing, FiringList
from journal.health import Health
from journal.inbox import Inbox, InboxFilter, InboxPosition, PausedRow
from journal.journal import SQLITE_VERSION, Database, Journal, looking_at
from journal.knowledge import KnowledgeTable, PassageRow, Vectors
from journal.llm_models import ModelRow, ModelTable
from journal.lock import FolderLock, holder
from journal.locks import Locks, LockView, ProcessRow, SessionLost
from journal.mcp_sign_ins import McpSignInRow, McpSignInTable
from journal.overview import Overview, WaitingRun
from journal.owners import (
    ALL_SHARDS,
    SHARDS,
    Owners,
    ShardsHeard,
    shard_named,
    shard_of,
)
from journal.passkeys import PasskeyRow, PasskeyTable
from journal.people import PeopleTable, PersonRow
from journal.places import Line, PlaceKey, PlaceList, place_key
from journal.postgres.lock_kinds import processes_of
from journal.removal import Deleted, RetentionGroup
from journal.requests import LONGEST_KEPT_BODY, ArrivedRequest, RequestTable
from journal.run_filter import RunFilter
from journal.run_ids import run_id, run_number
from journal.run_inputs import InputWords, RunInputs, StartPage, StartRow
from journal.run_order import RunOrder, RunPosition
from journal.run_projection import Statement, turn_of
from journal.run_search import RunPage, RunSearch
from journal.runs import LeftBehind, RunList, RunRow
from journal.saved_views import ViewRow
from journal.schedules import ScheduleRow, ScheduleTable
from journal.secrets import SecretRow, SecretTable
from journal.selection import Matched
from journal.sessions import SessionRow, SessionTable
from journal.shared_owners import SILENT_MS, SharedOwners
from journal.sharing import Shared
from journal.signals import (
    KeptSignal,
    NewSignal,
    SignalKept,
    SignalTable,
    SignalTaken,
    insert,
    take,
)
from journal.soundness import damage_of
from journal.spending import LimitHit, ModelCall, SpendingRow, SpendingTable, Spent
from journal.start_keys import IdempotencyKey, StartKeys, UsedKey
from journal.store import Change, StoreTable
from journal.suspects import SELECT_SUSPECTS, Suspect, suspects_of
from journal.threads import ExchangeRow, ThreadRow, ThreadTable
from journal.transaction import Work
from journal.triggers import TriggerRow, TriggerTable
from journal.variables import VariableRow, VariableTable
from journal.verification import Fault, Verified, verify
from journal.wakes import WakeRow, WakeTable, wake
from journal.webhooks import WebhookRow, WebhookTable

__all__ = [
    "ALL_SHARDS",
    "CHANGE",
    "DATABASE",
    "LONGEST_KEPT_BODY",
    "MARKER",
    "PLACE",
    "RUN",
    "SELECT_SUSPECTS",
    "SHARDS",
    "SHARDS_MOVED",
    "SILENT_MS",
    "SQLITE_VERSION",
    "UNREADABLE",
    "WAKE",
    "WAL_LIMIT_BYTES",
    "Archived",
    "ArrivedRequest",
    "Attempt",
    "AuditFilter",
    "AuditList",
    "AuditPage",
    "AuditRow",
    "BadDatabase",
    "Bell",
    "CannotOpen",
    "CaptionRow",
    "Captions",
    "Change",
    "ChangeNote",
    "ChangedMeanwhile",
    "ChildLine",
    "ChildList",
    "ChildOf",
    "ChildRow",
    "Conflict",
    "Connection",
    "Corrupt",
    "Damaged",
    "Database",
    "DatabaseError",
    "DatabaseInUse",
    "DefinitionExists",
    "DefinitionFilter",
    "DefinitionTable",
    "Deleted",
    "DeliveryRow",
    "DuplicateStart",
    "EventFilter",
    "EventPage",
    "EventPages",
    "EventRow",
    "Events",
    "ExchangeRow",
    "Family",
    "Fault",
    "FileRow",
    "FileTable",
    "Firing",
    "FiringList",
    "FolderLock",
    "Head",
    "Health",
    "Histogram",
    "IdempotencyKey",
    "Inbox",
    "InboxFilter",
    "InboxPosition",
    "InputWords",
    "Journal",
    "JournalError",
    "JwtSecretRow",
    "JwtSecrets",
    "KeptSignal",
    "KeyRow",
    "Keys",
    "KnowledgeFull",
    "KnowledgeTable",
    "LeftBehind",
    "LimitHit",
    "Line",
    "LockView",
    "Locked",
    "Locks",
    "MarkedVersions",
    "Matched",
    "McpSignInRow",
    "McpSignInTable",
    "ModelCall",
    "ModelRow",
    "ModelTable",
    "NameTaken",
    "NewSignal",
    "NewVersion",
    "NotArchived",
    "NotEnded",
    "NotFound",
    "OpenRuns",
    "Outbox",
    "Overview",
    "Owners",
    "PassageRow",
    "PasskeyRow",
    "PasskeyTable",
    "PausedRow",
    "PeopleTable",
    "PersonRow",
    "PlaceKey",
    "PlaceList",
    "ProcessRow",
    "RequestTable",
    "RetentionGroup",
    "RunFilter",
    "RunInputs",
    "RunList",
    "RunOrder",
    "RunPage",
    "RunPosition",
    "RunRow",
    "RunSearch",
    "ScheduleRow",
    "ScheduleTable",
    "SecretRow",
    "SecretTable",
    "SessionLost",
    "SessionRow",
    "SessionTable",
    "ShardsHeard",
    "Shared",
    "SharedOwners",
    "SignalKept",
    "SignalTable",
    "SignalTaken",
    "SpendingRow",
    "SpendingTable",
    "Spent",
    "StartKeys",
    "StartPage",
    "StartRow",
    "Statement",
    "StoreFull",
    "StoreTable",
    "Suspect",
    "ThreadInUse",
    "ThreadOfAnother",
    "ThreadRow",
    "ThreadTable",
    "TooManySchedules",
    "TooManySignals",
    "TooManyTriggers",
    "TooManyViews",
    "TooManyWebhooks",
    "TriggerRow",
    "TriggerTable",
    "Unavailable",
    "UnknownAgent",
    "UnknownCredential",
    "UnknownDelivery",
    "UnknownEvent",
    "UnknownFile",
    "UnknownFiring",
    "UnknownModel",
    "UnknownPasskey",
    "UnknownPerson",
    "UnknownRun",
    "UnknownSchedule",
    "UnknownSecret",
    "UnknownSession",
    "UnknownThread",
    "UnknownTrigger",
    "UnknownVariable",
    "UnknownVersion",
    "UnknownView",
    "UnknownWebhook",
    "UnknownWorkflow",
    "UsedKey",
    "VariableRow",
    "VariableTable",
    "Vectors",
    "Verified",
    "VersionRow",
    "ViewRow",
    "WaitingRun",
    "WakeRow",
    "WakeTable",
    "WalMissing",
    "WebhookRow",
    "WebhookTable",
    "Work",
    "WriterCounters",
    "begin_elsewhere",
    "changing",
    "check_wal",
    "copy_database",
    "damage_of",
    "has_wal",
    "holder",
    "how_to_open",
    "insert",
    "looking_at",
    "mark",
    "migrations",
    "open_read_only",
    "place_key",
    "processes_of",
    "run_id",
    "run_number",
    "shard_named",
    "shard_of",
    "suspects_of",
    "sync",
    "take",
    "turn_of",
    "unmark",
    "verify",
    "wake",
    "write_whole",
]
