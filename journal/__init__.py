"""The journal remembers: when `append` returns, the events are on disk.

One SQLite file in WAL mode with `synchronous=FULL`. Exactly one connection writes and
checkpoints (SQLite before 3.51.3 can lose commits when two do); readers cannot write and
never hold it up. Every read is bound to a tenant by its caller.
"""

from journal.connection import Connection, DatabaseError
from journal.errors import (
    UNREADABLE,
    Archived,
    ChangedMeanwhile,
    ChildOf,
    Conflict,
    Corrupt,
    Damaged,
    DefinitionExists,
    DuplicateStart,
    JournalError,
    KnowledgeFull,
    NameTaken,
    NotArchived,
    NotEnded,
    NotFound,
    OpenRuns,
    PasskeyTaken,
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
)
from journal.histories.event_pages import EventFilter, EventPage, EventPages, EventRow
from journal.histories.events import Events
from journal.histories.head import Head
from journal.histories.recent_runs import RecentRun
from journal.histories.removal import RetentionGroup
from journal.histories.start_keys import IdempotencyKey, UsedKey
from journal.journal import SQLITE_VERSION, Database, Journal, looking_at
from journal.opening_errors import (
    BadDatabase,
    CannotCopy,
    CannotOpen,
    FolderUnusable,
    Locked,
    WalMissing,
    how_to_open,
)
from journal.postgres.lock_kinds import processes_of
from journal.processes.bell import CHANGE, PLACE, RUN, SHARDS_MOVED, WAKE, Bell
from journal.processes.locks import LockView, SessionLost
from journal.processes.owners import (
    ALL_SHARDS,
    NO_SHARDS,
    SHARDS,
    Owners,
    ShardsHeard,
    shard_named,
    shard_of,
)
from journal.processes.shared_owners import SharedOwners
from journal.processes.sharing import Shared
from journal.rows.definition_rows import DefinitionFilter, MarkedVersions, NewVersion, VersionRow
from journal.rows.run_ids import run_id, run_number
from journal.rows.run_projection import Statement, turn_of
from journal.runs.captions import CaptionRow
from journal.runs.child_rows import ChildLine
from journal.runs.children import ChildRow, Family
from journal.runs.inbox import InboxFilter, InboxPosition, PausedRow
from journal.runs.overview import WaitingRun
from journal.runs.run_errors import ListedError
from journal.runs.run_filter import RunFilter
from journal.runs.run_inputs import InputWords, StartRow
from journal.runs.run_order import RunOrder, RunPosition
from journal.runs.run_search import RunPage
from journal.runs.runs import LeftBehind, RunRow
from journal.runs.selection import Matched
from journal.runs.suspects import SELECT_SUSPECTS, suspects_of
from journal.sqlite.backup import copy_database, open_read_only
from journal.sqlite.checkpoints import check_wal, clear_wal_mark, has_wal
from journal.sqlite.database import (
    DATABASE,
    MARKER,
    WAL_LIMIT_BYTES,
    begin_elsewhere,
    mark_folder,
    migrations,
    must_be_journal,
)
from journal.sqlite.durable_files import make_folder, sync, write_whole
from journal.sqlite.lock import FolderLock, holder
from journal.sqlite.soundness import damage_of
from journal.tables.audit_list import AuditFilter
from journal.tables.clock_mark import CLOCK_MARK, NEWEST_MOMENT, ClockMark, ClockMarks, read_mark
from journal.tables.credentials import JwtSecretRow, JwtSecrets, KeyRow
from journal.tables.definitions import DefinitionTable
from journal.tables.deliveries import DeliveryAttempt, DeliveryRow
from journal.tables.files import FileRow
from journal.tables.firings import Firing
from journal.tables.knowledge import KnowledgeTable, PassageRow, Vectors
from journal.tables.llm_models import ModelTable
from journal.tables.mcp_sign_ins import McpSignInRow, McpSignInTable
from journal.tables.passkeys import PasskeyRow, PasskeyTable
from journal.tables.people import PeopleTable, PersonRow
from journal.tables.places import PlaceKey, place_key
from journal.tables.requests import LONGEST_KEPT_BODY_BYTES, ArrivedRequest
from journal.tables.saved_views import ViewRow
from journal.tables.schedules import ScheduleRow
from journal.tables.secrets import SEALED, TOKEN_SECRETS, SecretRow, SecretTable
from journal.tables.sessions import SessionRow, SessionTable
from journal.tables.signals import KeptSignal, NewSignal, insert_signal, take_signal
from journal.tables.spending import LimitHit, ModelCall, SpendingRow, SpendingTable, Spent
from journal.tables.store import Change, StoreTable
from journal.tables.threads import ExchangeRow, ThreadTable
from journal.tables.triggers import TriggerRow, TriggerTable
from journal.tables.variables import VariableRow, VariableTable
from journal.tables.wakes import WAITING as WAITING_WAKES
from journal.tables.wakes import WakeRow, WakeTable, wake
from journal.tables.webhooks import WebhookRow, WebhookTable
from journal.verification import Fault, Verified, verify
from journal.writing.audit import AuditRow, ChangeNote, changing
from journal.writing.counters import Histogram, WriterCounters
from journal.writing.health import Health
from journal.writing.transaction import Work

__all__ = [
    "ALL_SHARDS",
    "CHANGE",
    "CLOCK_MARK",
    "DATABASE",
    "LONGEST_KEPT_BODY_BYTES",
    "MARKER",
    "NEWEST_MOMENT",
    "NO_SHARDS",
    "PLACE",
    "RUN",
    "SEALED",
    "SELECT_SUSPECTS",
    "SHARDS",
    "SHARDS_MOVED",
    "SQLITE_VERSION",
    "TOKEN_SECRETS",
    "UNREADABLE",
    "WAITING_WAKES",
    "WAKE",
    "WAL_LIMIT_BYTES",
    "Archived",
    "ArrivedRequest",
    "AuditFilter",
    "AuditRow",
    "BadDatabase",
    "Bell",
    "CannotCopy",
    "CannotOpen",
    "CaptionRow",
    "Change",
    "ChangeNote",
    "ChangedMeanwhile",
    "ChildLine",
    "ChildOf",
    "ChildRow",
    "ClockMark",
    "ClockMarks",
    "Conflict",
    "Connection",
    "Corrupt",
    "Damaged",
    "Database",
    "DatabaseError",
    "DefinitionExists",
    "DefinitionFilter",
    "DefinitionTable",
    "DeliveryAttempt",
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
    "Firing",
    "FolderLock",
    "FolderUnusable",
    "Head",
    "Health",
    "Histogram",
    "IdempotencyKey",
    "InboxFilter",
    "InboxPosition",
    "InputWords",
    "Journal",
    "JournalError",
    "JwtSecretRow",
    "JwtSecrets",
    "KeptSignal",
    "KeyRow",
    "KnowledgeFull",
    "KnowledgeTable",
    "LeftBehind",
    "LimitHit",
    "ListedError",
    "LockView",
    "Locked",
    "MarkedVersions",
    "Matched",
    "McpSignInRow",
    "McpSignInTable",
    "ModelCall",
    "ModelTable",
    "NameTaken",
    "NewSignal",
    "NewVersion",
    "NotArchived",
    "NotEnded",
    "NotFound",
    "OpenRuns",
    "Owners",
    "PassageRow",
    "PasskeyRow",
    "PasskeyTable",
    "PasskeyTaken",
    "PausedRow",
    "PeopleTable",
    "PersonRow",
    "PlaceKey",
    "RecentRun",
    "RetentionGroup",
    "RunFilter",
    "RunOrder",
    "RunPage",
    "RunPosition",
    "RunRow",
    "ScheduleRow",
    "SecretRow",
    "SecretTable",
    "SessionLost",
    "SessionRow",
    "SessionTable",
    "ShardsHeard",
    "Shared",
    "SharedOwners",
    "SpendingRow",
    "SpendingTable",
    "Spent",
    "StartRow",
    "Statement",
    "StoreFull",
    "StoreTable",
    "ThreadInUse",
    "ThreadOfAnother",
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
    "clear_wal_mark",
    "copy_database",
    "damage_of",
    "has_wal",
    "holder",
    "how_to_open",
    "insert_signal",
    "looking_at",
    "make_folder",
    "mark_folder",
    "migrations",
    "must_be_journal",
    "open_read_only",
    "place_key",
    "processes_of",
    "read_mark",
    "run_id",
    "run_number",
    "shard_named",
    "shard_of",
    "suspects_of",
    "sync",
    "take_signal",
    "turn_of",
    "verify",
    "wake",
    "write_whole",
]
